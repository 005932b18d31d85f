"""Remedies with a second training: one trunk for all of them, trained once."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.remedies.catalogue import REMEDIES, plan_for
from evenhand.study.bench import Bench
from evenhand.study.final import train_final
from evenhand.study.judging import candidates, judge
from evenhand.study.trial import Targets, execute
from evenhand.study.trunks import Trunk
from evenhand.training.predict import predict
from evenhand.training.refit import Layer

TWO_STAGE = [name for name, remedy in REMEDIES.items() if "refit" in remedy.layers]


def carried_out(bench: Bench, *remedies: str, recipe: Any, held: tuple[int, ...] = (0,)) -> list[Any]:
    """Carry out trials of remedies in one go; return what they left, in order."""
    trials = [bench.trial(remedy, recipe, held=held) for remedy in remedies]
    found = bench.carry_out(trials, "")
    return [found[trial] for trial in trials]


def trained(bench: Bench) -> list[str]:
    """Return the remedies whose networks were trained, in order."""
    return [trial.remedy for _, trial in bench.engine.given if not trial.parent]  # type: ignore[attr-defined]


def test_all_share_the_trunk_that_was_trained_once(study: Any) -> None:
    bench = study.bench()
    found = carried_out(bench, *TWO_STAGE, "none", recipe=study.recipe)
    assert sorted(trained(bench)) == ["mixup", "none"]
    assert len(bench.engine.given) == len(TWO_STAGE) + 2
    # Where no class is near another, the feature remedies are one and the same.
    assert len({outcome.logits.tobytes() for outcome in found}) >= len(found) - 2
    for outcome in found:
        np.testing.assert_array_equal(outcome.rows, np.flatnonzero(bench.fold == 0))
        assert np.isfinite(outcome.logits).all()


def test_what_waits_for_a_trunk_comes_after_it_and_finds_it_kept(study: Any) -> None:
    first = study.bench()
    carried_out(first, "crt", recipe=study.recipe)
    assert [trial.remedy for _, trial in first.engine.given] == ["none", "crt"]
    second = study.bench()
    carried_out(second, "crt", "lws", "none", recipe=study.recipe)
    assert [trial.remedy for _, trial in second.engine.given] == ["lws"]


def test_a_trunk_that_is_gone_is_trained_again_to_the_same_bytes(study: Any) -> None:
    bench = study.bench()
    (before,) = carried_out(bench, "crt", recipe=study.recipe)
    carried_out(bench, "none", recipe=study.recipe)
    trial = bench.trial("crt", study.recipe, held=[0])
    bench.workplace.trunk(trial.parent).unlink()
    for path in (bench.run.path / "trials" / trial.key).iterdir():
        path.unlink()
    again = study.bench()
    (after,) = carried_out(again, "crt", recipe=study.recipe)
    assert trained(again) == ["none"]
    np.testing.assert_array_equal(before.logits, after.logits)
    assert before.curve == after.curve


def test_the_key_knows_the_trunk(study: Any) -> None:
    bench = study.bench()
    plain = bench.trial("none", study.recipe, held=[0])
    second = bench.trial("crt", study.recipe, held=[0])
    assert second.parent == plain.key
    assert second.first == plain
    assert plain.first is plain
    other = bench.trial("augment+crt", study.recipe, held=[0])
    assert other.first == bench.trial("augment", study.recipe, held=[0])
    assert len({plain.key, second.key, other.key, bench.trial("crt:epochs=3", study.recipe, held=[0]).key}) == 4
    assert bench.trial("crt", study.recipe, held=[0], features=True).first == plain


def test_a_layer_left_as_it_was_predicts_as_the_network_did(study: Any) -> None:
    bench = study.bench()
    flips = replace(study.recipe, augmentation=replace(study.recipe.augmentation, flip_horizontal=True))
    network, kept = carried_out(bench, "none", "tau-norm:tau=0", recipe=flips)
    trunk = Trunk.load(bench.workplace.trunk(bench.trial("crt", flips, held=[0]).parent))
    assert trunk.views.shape == (2, study.n, 84)
    held = np.flatnonzero(bench.fold == 0)
    np.testing.assert_allclose(trunk.layer.logits(trunk.select(held)), network.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(kept.logits + trunk.layer.bias, network.logits, rtol=1e-4, atol=1e-5)


def test_labels_that_are_held_out_do_not_reach_either_training(study: Any) -> None:
    bench = study.bench()
    lies = bench.save(Targets(np.ones(study.n, bool), np.where(bench.fold == 1, (study.labels + 1) % 3, study.labels)))
    for remedy in TWO_STAGE:
        honest, told = (
            bench.trial(remedy, study.recipe, held=[1], targets=targets) for targets in (bench.as_given, lies)
        )
        found = bench.carry_out([honest, told], "")
        np.testing.assert_array_equal(found[honest].logits, found[told].logits)


def test_features_of_what_is_predicted_can_be_kept(study: Any) -> None:
    bench = study.bench()
    trials = [bench.trial(remedy, study.recipe, held=[0], features=True) for remedy in ("none", "crt")]
    found = bench.carry_out(trials, "")
    np.testing.assert_array_equal(found[trials[0]].features, found[trials[1]].features)


def test_losses_of_both_trainings_are_told(study: Any) -> None:
    bench = study.bench()
    first, second = carried_out(bench, "none", "crt:epochs=3", recipe=study.recipe)
    assert second.curve.step_loss[: len(first.curve.step_loss)] == first.curve.step_loss
    assert len(second.curve.epoch_loss) == len(first.curve.epoch_loss) + 3


def test_judging_counts_the_time_and_the_trials_of_the_trunk(study: Any) -> None:
    bench = study.bench()
    (score,) = judge(bench, candidates(["crt"], ["none"], study.recipe), None, trust=0.5, seeds=1, title="")
    plain = {bench.trial("none", study.recipe, held=[fold]).key for fold in range(3)}
    assert plain < set(score.result.trials)
    assert len(score.result.trials) == 6


@pytest.mark.parametrize("remedy", ["crt", "tau-norm", "mislas", "ldam-drw", "balpoe"])
def test_a_final_model_has_the_last_layer_of_its_remedy(study: Any, remedy: str) -> None:
    bench = study.bench()
    targets = Targets(np.arange(study.n) % 5 > 0, study.labels)
    model = train_final(bench, remedy, study.recipe, targets, members=1, size=(16, 16), title="")
    probabilities = model.probabilities(study.pixels)
    assert np.isfinite(probabilities).all()
    again = train_final(study.bench(), remedy, study.recipe, targets, members=1, size=(16, 16), title="")
    np.testing.assert_array_equal(again.probabilities(study.pixels), probabilities)
    head = plan_for(remedy, study.labels, 3).head
    assert (model.shape.head, model.shape.experts) == {
        "ldam-drw": ("cosine", 1),
        "balpoe": ("linear", 3),
    }.get(remedy, ("linear", 1)), head


def test_the_final_layer_is_trained_on_all_that_is_kept(study: Any) -> None:
    bench = study.bench()
    keep = np.arange(study.n) % 5 > 0
    targets = Targets(keep, study.labels)
    plain, second = (
        train_final(bench, remedy, study.recipe, targets, members=1, size=(16, 16), title="").members[0]
        for remedy in ("none", "tau-norm:tau=1")
    )
    one, other = (dict(network.state_dict()) for network in (plain, second))
    assert torch.equal(one["fc2.weight"], other["fc2.weight"])
    length = one["fc3.weight"].norm(dim=1, keepdim=True)
    torch.testing.assert_close(other["fc3.weight"], one["fc3.weight"] / length)
    assert (other["fc3.bias"] == 0).all()


def test_a_trunk_is_a_whole_file(study: Any, tmp_path: Any) -> None:
    trunk = Trunk(np.ones((1, 2, 3), np.float32), Layer(np.ones((2, 3), np.float32), np.zeros(2, np.float32)))
    trunk.save(tmp_path / "deep" / "trunk.npz")
    found = Trunk.load(tmp_path / "deep" / "trunk.npz")
    np.testing.assert_array_equal(found.views, trunk.views)
    np.testing.assert_array_equal(found.layer.weight, trunk.layer.weight)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["trunk.npz"]


def test_a_first_training_that_diverged_is_a_result_of_the_second(study: Any) -> None:
    bench = study.bench()
    wild = replace(study.recipe, learning_rate=1e6, schedule="constant")
    for outcome in carried_out(bench, "crt", "feature-adasyn", "tau-norm", recipe=wild):
        assert outcome.diverged


# Any remedy on any tiny set of images


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("remedy", [*REMEDIES, "augment+mixup+drw", "cmo+balanced-softmax+focal", "smote+augment"])
def test_rare_classes_single_images_and_soft_labels_are_no_trouble(study: Any, remedy: str, soft: bool) -> None:
    """Eleven, two and one image, or none, of the classes; the labels certain, or softened as a repair leaves them."""
    bench = study.bench()
    kept = np.concatenate(
        [np.flatnonzero((study.labels == label) & (bench.fold != 0))[:count] for label, count in enumerate((11, 2, 1))]
    )
    for chosen in (kept, kept[:-1]):
        keep = np.isin(np.arange(study.n), chosen)
        labels = np.eye(3, dtype=np.float32)[study.labels] * 0.7 + np.float32(0.1) if soft else study.labels
        trial = bench.trial(remedy, study.recipe, held=[0], targets=bench.save(Targets(keep, labels)))
        bench.carry_out([trial], "")
        stored = bench.run.read_trial(trial.key)
        assert np.isfinite(stored.arrays["logits"]).all()
        assert stored.result["trained_on"] == len(chosen)


def test_a_trial_on_its_own_bytes(study: Any) -> None:
    one, two = study.bench("one"), study.bench("two")
    for bench in (one, two):
        carried_out(bench, "mislas", "balpoe", "ldam-drw", "cmo", "adasyn", recipe=study.recipe)
    for remedy in ("mislas", "balpoe", "ldam-drw", "cmo", "adasyn"):
        key = one.trial(remedy, study.recipe, held=[0]).key
        for name in ("result.json", "curve.csv", "oof.npz"):
            places = [bench.run.path / "trials" / key / name for bench in (one, two)]
            assert places[0].read_bytes() == places[1].read_bytes()


def test_a_network_put_together_again_predicts_as_its_trial_did(study: Any) -> None:
    """The trial predicts from kept features; the same layer in the network itself must say the same."""
    bench = study.bench()
    (outcome,) = carried_out(bench, "crt", recipe=study.recipe)
    trial = bench.trial("crt", study.recipe, held=[0])
    from evenhand.study.trial import second_training, train

    chosen = np.flatnonzero(bench.fold != 0)
    network = train(bench.workplace, trial, chosen)[0].network
    trunk = Trunk.load(bench.workplace.trunk(trial.parent))
    second_training(bench.workplace, trial, trunk, chosen).layer.write(network.last)  # type: ignore[arg-type]
    pixels = study.pixels[bench.fold == 0]
    np.testing.assert_allclose(predict(network, pixels, study.recipe), outcome.logits, rtol=1e-4, atol=1e-5)


def test_a_worker_needs_nothing_but_the_files(study: Any) -> None:
    bench = study.bench()
    trial = bench.trial("lws", study.recipe, held=[0])
    with pytest.raises(FileNotFoundError):
        execute((bench.workplace, trial))
