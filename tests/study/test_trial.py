import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data.batches import Augmentation
from evenhand.records.comparison import Curve
from evenhand.study import trial as trial_module
from evenhand.study.bench import Bench
from evenhand.study.trial import Targets, Trial, curve_table, environment, execute, read_curve
from evenhand.training.recipe import Recipe


def key(bench: Bench, recipe: Recipe, **changes: Any) -> str:
    words = {"remedy": "none", "recipe": recipe, "held": [0]} | changes
    return bench.trial(words.pop("remedy"), words.pop("recipe"), **words).key


def changed(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, Augmentation):
        return replace(value, crop=value.crop + 1)
    return (*value, 7) if isinstance(value, tuple) else f"{value}?"


def test_every_part_of_a_trial_counts() -> None:
    made = Trial("data", "folds", (0,), "targets", "none", Recipe(), 0, "here")
    assert {part.name for part in fields(Trial)} == set(vars(made))
    others = [
        replace(made, **{part.name: changed(getattr(made, part.name))})
        for part in fields(Trial)
        if part.name != "recipe"
    ]
    for part in fields(Recipe):
        recipe = Recipe()
        object.__setattr__(recipe, part.name, changed(getattr(recipe, part.name)))
        others.append(replace(made, recipe=recipe))
    keys = [made.key, *(other.key for other in others)]
    assert len(set(keys)) == len(keys)


def test_the_key_changes_with_all_that_decides_the_result(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, recipe = study.bench(), study.recipe
    relabelled = study.labels.copy()
    relabelled[0] = 1
    hashes = tuple(f"{number}" for number in range(study.n))
    keys = {
        "plain": key(bench, recipe),
        "fold": key(bench, recipe, held=[1]),
        "both folds": key(bench, recipe, held=[0, 1]),
        "number": key(bench, recipe, number=1),
        "remedy": key(bench, recipe, remedy="sampler"),
        "parameter": key(bench, recipe, remedy="sampler:q=0.5"),
        "epochs": key(bench, replace(recipe, epochs=2)),
        "precision": key(bench, replace(recipe, precision="bfloat16")),
        "targets": key(bench, recipe, targets=bench.save(Targets(study.labels > 0, study.labels))),
        "seed": key(study.bench("seed", seed=1), recipe),
        "folds": key(study.bench("folds", folds=4), recipe),
        "labels": key(study.bench("labels", given=relabelled), recipe),
        "pixels": key(study.bench("pixels", pixel_sha256=hashes), recipe),
        "size": key(study.bench("size", pictures=study.pixels[:, :, :14]), recipe),
        "groups": key(study.bench("groups", group=np.arange(study.n) // 2), recipe),
        "rows": key(study.bench("rows", rows=np.arange(1, study.n)), recipe),
        "device": key(study.bench("device", device="cuda:7"), recipe),
    }
    monkeypatch.setattr(trial_module.torch, "__version__", "9.9")
    environment.cache_clear()
    keys["torch"] = key(study.bench("torch"), recipe)
    environment.cache_clear()
    assert len(set(keys.values())) == len(keys), keys


def test_the_key_does_not_know_place_names_or_company(study: Any) -> None:
    bench, recipe = study.bench(), study.recipe
    plain = key(bench, recipe)
    assert key(study.bench("elsewhere"), recipe) == plain
    assert key(study.bench("renamed", paths=tuple(f"x/{number}" for number in range(study.n))), recipe) == plain
    assert key(study.bench("corrected", corrected=study.labels[::-1].copy()), recipe) == plain
    assert key(study.bench("judged", judged=1), recipe) == plain
    key(bench, recipe, remedy="sampler")
    assert key(bench, recipe) == plain
    assert key(bench, recipe, held=[1, 0]) == key(bench, recipe, held=[0, 1])
    # What acts only on finished predictions is trained as what is left.
    assert key(bench, recipe, remedy="logit-adjust") == plain


def files(bench: Bench, trial: Trial) -> dict[str, bytes]:
    folder = bench.run.path / "trials" / trial.key
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timing.json"}


def test_the_same_trial_is_the_same_bytes_whatever_went_before(study: Any) -> None:
    one, two = study.bench("one"), study.bench("two")
    trials = [one.trial(remedy, study.recipe, held=[0]) for remedy in ("none", "sampler", "smote")]
    for trial in trials:
        assert execute((one.workplace, trial)) == trial.key
    for trial in reversed(trials):
        execute((two.workplace, trial))
    for trial in trials:
        assert files(one, trial) == files(two, trial)
        assert len(files(one, trial)) == 3


def logits(bench: Bench, trial: Trial) -> np.ndarray:
    execute((bench.workplace, trial))
    return bench.run.read_trial(trial.key).arrays["logits"]


@pytest.mark.parametrize("remedy", ["none", "sampler", "class-weights", "smote", "balanced-softmax"])
def test_labels_that_are_held_out_do_not_reach_the_training(study: Any, remedy: str) -> None:
    bench = study.bench()
    trial = bench.trial(remedy, study.recipe, held=[1])
    lies = np.where(bench.fold == 1, (study.labels + 1) % 3, study.labels)
    told = bench.trial(remedy, study.recipe, held=[1], targets=bench.save(Targets(np.ones(study.n, bool), lies)))
    assert told.key != trial.key
    np.testing.assert_array_equal(logits(bench, trial), logits(bench, told))


def test_only_the_held_folds_are_predicted_and_only_kept_images_are_trained_on(study: Any) -> None:
    bench = study.bench()
    keep = np.arange(study.n) % 7 > 0
    trial = bench.trial("none", study.recipe, held=[0, 2], targets=bench.save(Targets(keep, study.labels)))
    execute((bench.workplace, trial))
    stored = bench.run.read_trial(trial.key)
    np.testing.assert_array_equal(stored.arrays["rows"], np.flatnonzero(bench.fold != 1))
    assert stored.arrays["logits"].shape == (int((bench.fold != 1).sum()), 3)
    assert stored.result["trained_on"] == int((keep & (bench.fold == 1)).sum())


def test_features_are_kept_where_they_are_asked_for(study: Any) -> None:
    bench = study.bench()
    plain, told = (bench.trial("none", study.recipe, held=[1], features=features) for features in (False, True))
    outcomes = bench.carry_out([plain, told], "both")
    assert outcomes[plain].features is None
    found = outcomes[told].features
    assert found.shape[0] == len(outcomes[told].rows)
    np.testing.assert_allclose(np.linalg.norm(found.astype(np.float64), axis=1), 1, atol=1e-2)
    np.testing.assert_array_equal(outcomes[plain].logits, outcomes[told].logits)


def test_a_training_that_diverges_is_a_result(study: Any) -> None:
    bench = study.bench()
    trial = bench.trial("none", replace(study.recipe, learning_rate=1e6, schedule="constant"), held=[0])
    execute((bench.workplace, trial))
    stored = bench.run.read_trial(trial.key)
    assert stored.result["diverged_at"] >= 1
    text = (bench.run.path / "trials" / trial.key / "result.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert not np.isfinite(read_curve(stored.curve).step_loss[-1])


losses = st.lists(st.floats(width=64), max_size=4).map(tuple)


@given(losses, losses, losses)
def test_a_curve_reads_back_to_the_last_bit(step: Any, epoch: Any, validation: Any) -> None:
    header, rows = curve_table(Curve(step, epoch, validation))
    found = read_curve([dict(zip(header, map(str, row), strict=True)) for row in rows])
    for name, value in (("step_loss", step), ("epoch_loss", epoch), ("validation_loss", validation)):
        np.testing.assert_array_equal(getattr(found, name), value)


def test_targets_are_named_by_what_they_hold(study: Any) -> None:
    keep, labels = np.ones(study.n, bool), study.labels
    plain = Targets(keep, labels).name
    assert Targets(keep.copy(), labels.astype(np.int32)).name == plain
    soft = np.eye(3)[labels]
    names = {plain, Targets(labels > 0, labels).name, Targets(keep, labels[::-1].copy()).name, Targets(keep, soft).name}
    assert len(names) == 4
    assert Targets(keep, soft.astype(np.float32)).name == Targets(keep, soft).name


@pytest.mark.parametrize("soft", [False, True])
def test_repaired_targets_are_placed_among_all_images(soft: bool) -> None:
    given_labels = np.array([0, 1, 2, 0, 1])
    found = np.array([[0.2, 0.8, 0], [0, 0, 1]]) if soft else np.array([1, 2])
    placed = Targets.placed(given_labels, np.array([1, 3]), np.array([False, True]), found, 3)
    np.testing.assert_array_equal(placed.keep, [True, False, True, True, True])
    if soft:
        expected = np.eye(3)[given_labels]
        expected[[1, 3]] = found
        np.testing.assert_allclose(placed.labels, expected)
    else:
        np.testing.assert_array_equal(placed.labels, [0, 1, 2, 2, 1])
    np.testing.assert_array_equal(given_labels, [0, 1, 2, 0, 1])


def test_saved_targets_and_rows_are_whole_files(study: Any, tmp_path: Path) -> None:
    bench = study.bench()
    soft = Targets(study.labels > 0, np.full((study.n, 3), 1 / 3, dtype=np.float32))
    found = bench.workplace.targets(bench.save(soft))
    np.testing.assert_array_equal(found.keep, soft.keep)
    np.testing.assert_array_equal(found.labels, soft.labels)
    rows, folds = bench.workplace.rows()
    np.testing.assert_array_equal(rows, np.arange(study.n))
    np.testing.assert_array_equal(folds, bench.fold)
    assert not list(tmp_path.rglob("*.tmp*"))
