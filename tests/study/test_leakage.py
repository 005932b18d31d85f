"""What leaks are worth, on pictures made so that a leak must matter, or cannot."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.auditing.duplicates import training_rows
from evenhand.data.manifest import Manifest
from evenhand.records.values import Ints, Pixels
from evenhand.settings.presets import PRESETS, Preset
from evenhand.store import RunFolder
from evenhand.study.bench import Bench
from evenhand.study.judging import candidates, judge
from evenhand.study.leak_figures import Leakage
from evenhand.study.leakage import LEAST_SEEDS, find_leaks, held_folds, measure_leakage, split_recipe, split_seeds
from evenhand.training.recipe import Recipe

LEARNS = Recipe(optimiser="adamw", learning_rate=0.002, epochs=20, batch=16, precision="float32", channels_last=False)
PRESET = replace(PRESETS["standard"], folds=3, seeds=1, leak_views=None, leak_folds=None)
HEARTS = 12
"""Images that are there twice."""


def coloured(shown: Ints, seed: int) -> Pixels:
    """Return pictures whose colour tells what they show."""
    colours = np.array([[160, 90, 90], [90, 160, 90], [90, 90, 160]])[shown]
    noise = np.random.default_rng(seed).normal(0, 40, (len(shown), 16, 16, 3))
    return np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8)


def patchwork(seed: int) -> Pixels:
    """Return pictures of large patches that tell nothing and are easily learnt by heart."""
    patches = np.random.default_rng(seed).integers(0, 256, (HEARTS, 4, 4, 3), dtype=np.uint8)
    return patches.repeat(4, axis=1).repeat(4, axis=2)


def listing(split: list[str], given: Ints, group: Ints) -> Manifest:
    names = tuple(f"{number:03}.png" for number in range(len(given)))
    return Manifest(("a", "b", "c"), names, names, names, np.array(split), given, given.copy(), group)


def split_in_two() -> tuple[Manifest, Pixels]:
    """Return 60 training and 30 test images that can be told apart, and a dozen in both that can only be learnt."""
    plain, hearts = np.arange(60) % 3, np.arange(HEARTS) % 3
    given = np.concatenate([plain, hearts, plain[:30], hearts]).astype(np.int64)
    pictures = np.concatenate([coloured(plain, 1), patchwork(2), coloured(plain[:30], 3), patchwork(2)])
    group = np.arange(len(given), dtype=np.int64)
    group[-HEARTS:] = group[60 : 60 + HEARTS]
    return listing(["train"] * (60 + HEARTS) + ["test"] * (30 + HEARTS), given, group), pictures


def grouped() -> tuple[Manifest, Pixels]:
    """Return 60 training images that can be told apart, and a dozen there twice that can only be learnt."""
    plain, hearts = np.arange(60) % 3, np.arange(HEARTS) % 3
    given = np.concatenate([plain, hearts, hearts]).astype(np.int64)
    group = np.arange(len(given), dtype=np.int64)
    group[-HEARTS:] = group[60 : 60 + HEARTS]
    return listing(["train"] * len(given), given, group), np.concatenate(
        [coloured(plain, 1), patchwork(2), patchwork(2)]
    )


def benches(study: Any, manifest: Manifest, pictures: Pixels, **words: Any) -> Callable[..., Bench]:
    def make(rows: Ints | None = None, **also: Any) -> Bench:
        rows = training_rows(manifest) if rows is None else rows
        made: Bench = study.bench(pictures=pictures, rows=rows, **vars(manifest), **words, **also)
        return made

    return make


def trained(study: Any) -> dict[str, int]:
    """Return the trials that are finished, and what would change if one were done again."""
    return {place.parent.name: place.stat().st_mtime_ns for place in (study.folder / "run").glob("trials/*/oof.npz")}


def measured(study: Any, data: tuple[Manifest, Pixels], recipe: Recipe = LEARNS, preset: Preset = PRESET) -> Leakage:
    return measure_leakage(benches(study, *data), data[0], recipe, preset, title="leaks")


def test_what_is_learnt_by_heart_flatters_the_test(study: Any) -> None:
    found = measured(study, split_in_two())
    leak = found.test
    assert leak is not None
    assert (found.tests, found.grouped, found.folds) == (30 + HEARTS, 0, None)
    assert (leak.images, leak.pairs, leak.epochs) == (HEARTS, LEAST_SEEDS, LEARNS.epochs)
    assert (leak.whole.n, leak.leaked.n, leak.others and leak.others.n) == (30 + HEARTS, HEARTS, 30)
    assert leak.leaked.accuracy.leaky.value > 0.9
    assert leak.leaked.accuracy.safe.value < 0.6
    assert leak.leaked.accuracy.difference.low > 0
    assert leak.whole.balanced_accuracy.difference.low > 0
    assert leak.direct.low > 0
    # Every third image is of each class: the leaked ones make up 12 of 42 parts of either figure.
    assert leak.direct.value == pytest.approx(leak.leaked.accuracy.difference.value * HEARTS / (30 + HEARTS))
    assert leak.others is not None
    rest = leak.others.balanced_accuracy.difference
    assert rest.low <= 0 <= rest.high


def test_copies_that_carry_other_labels_than_the_test_cost_score(study: Any) -> None:
    manifest, pictures = split_in_two()
    manifest.given[60 : 60 + HEARTS] = (manifest.given[60 : 60 + HEARTS] + 1) % 3
    leak = measured(study, (manifest, pictures)).test
    assert leak is not None
    assert leak.leaked.accuracy.leaky.value == 0
    assert leak.direct.value <= 0


def test_what_is_learnt_by_heart_flatters_folds_that_ignore_groups(study: Any) -> None:
    found = measured(study, grouped(), preset=replace(PRESET, seeds=2))
    leak = found.folds
    assert leak is not None
    assert (found.tests, found.grouped, found.test) == (0, 2 * HEARTS, None)
    assert (leak.images, leak.pairs, leak.whole.n) == (2 * HEARTS, 6, 60 + 2 * HEARTS)
    assert 0 < leak.leaked.n <= 2 * HEARTS
    assert leak.leaked.accuracy.difference.low > 0
    assert leak.whole.accuracy.difference.value > 0
    assert leak.direct.low > 0


def test_a_pair_of_trainings_differs_in_the_leaked_images_alone(study: Any) -> None:
    data = split_in_two()
    measured(study, data, replace(LEARNS, epochs=1))
    given: dict[tuple[int, str], Any] = {}
    for place in (study.folder / "run" / "trials").iterdir():
        stored = RunFolder(study.folder / "run").read_trial(place.name)
        assert stored.result["held"] == [1]
        np.testing.assert_array_equal(stored.arrays["rows"], data[0].where("test"))
        given[stored.result["seed"], stored.result["targets"]] = stored.result
    assert len(given) == 2 * LEAST_SEEDS
    assert sorted({seed for seed, _ in given}) == [0, 1]
    for seed in (0, 1):
        one, other = (result for (found, _), result in given.items() if found == seed)
        assert {name for name in one if one[name] != other[name]} == {"targets", "trained_on"}
        assert {one["trained_on"], other["trained_on"]} == {60, 60 + HEARTS}


def test_measured_again_nothing_is_trained_and_the_figures_are_the_same(study: Any) -> None:
    for name, data in (("split", split_in_two()), ("groups", grouped())):
        here = type(study)(study.folder / name)
        here.folder.mkdir()
        first = measured(here, data, replace(LEARNS, epochs=2))
        done = trained(here)
        assert done
        assert measured(here, data, replace(LEARNS, epochs=2)) == first
        assert trained(here) == done
        # What a run was cut short of is made up for, to the same figures.
        gone = next((here.folder / "run/trials").iterdir())
        shutil.rmtree(gone)
        assert measured(here, data, replace(LEARNS, epochs=2)) == first
        assert {name for name, time in trained(here).items() if done[name] != time} == {gone.name}


def test_without_leaks_nothing_is_trained(study: Any) -> None:
    manifest, pictures = split_in_two()
    clean = replace(manifest, group=np.arange(len(manifest), dtype=np.int64), pixel_sha256=manifest.paths)
    found = measured(study, (clean, pictures))
    assert found == Leakage("simple", "balanced-softmax", 30 + HEARTS, 0, None, None)
    assert trained(study) == {}
    assert not (study.folder / "run/cache").exists()


def test_the_comparison_has_trained_the_folds_without_a_leak_already(study: Any) -> None:
    manifest, pictures = grouped()
    make, brief = benches(study, manifest, pictures), replace(LEARNS, epochs=1)
    judge(make(), candidates(["balanced-softmax"], ["none"], brief), None, trust=0.5, seeds=1, title="")
    before = trained(study)
    measured(study, (manifest, pictures), brief)
    assert len(before) == 3
    assert len(trained(study)) == 6


def test_with_few_folds_those_are_held_out_that_part_groups(study: Any) -> None:
    manifest, pictures = grouped()
    # Only the last pair is left a group.
    group = np.where(manifest.group == manifest.group.max(), manifest.group, np.arange(len(manifest)))
    leak = measured(
        study, (replace(manifest, group=group), pictures), replace(LEARNS, epochs=1), replace(PRESET, leak_folds=1)
    ).folds
    assert leak is not None
    assert (leak.images, leak.pairs) == (2, 1)
    assert leak.leaked.n == 1
    assert leak.whole.n < 40


def test_folds_are_not_measured_where_the_preset_says_so(study: Any) -> None:
    found = measured(study, grouped(), preset=replace(PRESET, leak_folds=0))
    assert (found.grouped, found.folds) == (2 * HEARTS, None)
    assert trained(study) == {}


def test_leaks_are_found_by_pixels_and_by_groups() -> None:
    split = ["train", "train", "train", "train", "val", "test", "test", "test"]
    manifest = listing(split, np.zeros(8, dtype=np.int64), np.array([0, 1, 2, 2, 1, 5, 1, 7]))
    manifest = replace(manifest, pixel_sha256=("x", *manifest.pixel_sha256[1:5], "x", *manifest.pixel_sha256[6:]))
    found = find_leaks(manifest)
    assert [rows.tolist() for rows in (found.tests, found.copies, found.leaked, found.grouped)] == [
        [5, 6, 7], [0, 1], [5, 6], [2, 3]
    ]  # fmt: skip


def test_how_much_is_trained_follows_the_preset() -> None:
    quick, recipe = PRESETS["quick"], replace(LEARNS, epochs=8)
    assert quick.leak_views == 12_000
    assert [split_recipe(recipe, quick, n).epochs for n in (100, 1500, 3000, 5628, 100_000)] == [8, 8, 4, 2, 2]
    assert split_recipe(replace(recipe, epochs=1), quick, 100_000).epochs == 1
    assert split_recipe(recipe, PRESETS["standard"], 100_000) == recipe
    assert [split_seeds(PRESETS[name]) for name in ("quick", "standard", "thorough")] == [2, 2, 2]
    assert [held_folds(PRESETS[name]) for name in ("quick", "standard", "thorough", "reference")] == [2, 2, 5, 0]
    assert held_folds(replace(quick, folds=2, leak_folds=3)) == 2
