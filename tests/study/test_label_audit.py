from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import Curve, RemedyResult
from evenhand.study import bench as bench_module
from evenhand.study import label_audit
from evenhand.study.judging import candidates, judge
from evenhand.study.label_audit import WHOLE, audit_labels, refined

REPAIRS = ("drop", "relabel", "soft")


@pytest.fixture
def fixed_folds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Folds that do not move when labels do: only then can two audits be compared image by image."""
    monkeypatch.setattr(bench_module, "fold_of", lambda labels, *rest: np.arange(len(labels), dtype=np.int64) % 3)


def test_every_scope_covers_the_images_outside_its_fold(study: Any) -> None:
    bench = study.bench()
    audit = audit_labels(bench, study.recipe, [1], nested=True)
    assert set(audit.models) == {WHOLE, 0, 1, 2}
    for scope, model in audit.models.items():
        members = audit.members[scope]
        np.testing.assert_array_equal(members, np.flatnonzero(bench.fold != scope))
        assert model.posterior.shape == (len(members), 3)
        np.testing.assert_allclose(model.posterior.sum(axis=1), 1, atol=1e-9)
    # Three that leave out one fold, and three that leave out two and serve both of them.
    assert len(bench.engine.given) == 6


def test_only_what_is_needed_is_trained(study: Any) -> None:
    bench = study.bench()
    assert set(audit_labels(bench, study.recipe, [1], nested=False).models) == {WHOLE}
    assert len(bench.engine.given) == 3
    two = study.bench("two", folds=2)
    assert set(audit_labels(two, study.recipe, [1], nested=True).models) == {WHOLE}


@pytest.mark.usefixtures("fixed_folds")
@pytest.mark.parametrize("fold", range(3))
def test_the_labels_of_a_fold_do_not_reach_what_is_repaired_for_judging_it(study: Any, fold: int) -> None:
    lies = np.where(np.arange(study.n) % 3 == fold, (study.labels + 1) % 3, study.labels)
    honest, lying = study.bench("honest"), study.bench("lying", given=lies)
    audits = [audit_labels(bench, study.recipe, [1, 1], nested=True) for bench in (honest, lying)]
    outside = honest.fold != fold
    np.testing.assert_array_equal(audits[0].models[fold].posterior, audits[1].models[fold].posterior)
    for method in REPAIRS:
        one, other = (
            bench.workplace.targets(audit.targets(bench, fold, method, 0.1))
            for bench, audit in zip((honest, lying), audits, strict=True)
        )
        np.testing.assert_array_equal(one.keep[outside], other.keep[outside])
        np.testing.assert_array_equal(one.labels[outside], other.labels[outside])
    # The audit of everything does see them; otherwise this test would show nothing.
    assert not np.array_equal(audits[0].whole.posterior, audits[1].whole.posterior)


@pytest.mark.usefixtures("fixed_folds")
def test_the_score_of_a_repaired_fold_does_not_depend_on_the_labels_of_that_fold(study: Any) -> None:
    lies = np.where(np.arange(study.n) % 3 == 1, (study.labels + 1) % 3, study.labels)
    found = []
    for name, labels in (("honest", study.labels), ("lying", lies)):
        bench = study.bench(name, given=labels)
        audit = audit_labels(bench, study.recipe, [1, 1], nested=True)
        (score,) = judge(bench, candidates(["sampler"], ["drop"], study.recipe), audit, trust=0.3, seeds=1, title="")
        found.append(score.result.probabilities[bench.fold == 1])
    np.testing.assert_array_equal(found[0], found[1])


def test_rounds_after_the_first_train_on_the_labels_as_the_round_before_would_have_them(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sixty images are little evidence; here any suspicion will do.
    monkeypatch.setattr(label_audit, "TRUST", 0.02)
    wrong = np.flatnonzero(study.labels == 1)[:3]
    told = study.labels.copy()
    told[wrong] = 0
    bench = study.bench(given=told)
    recipe = replace(study.recipe, epochs=30, batch=8, learning_rate=0.05)
    first = audit_labels(bench, recipe, [1], nested=False)
    suspects = first.whole.suspicion(told) > 0.02
    assert suspects[wrong].sum() >= 2, "a few planted errors are found"
    before = len(bench.engine.given)
    audit_labels(bench, recipe, [1, 1], nested=False)
    again = [trial for _, trial in bench.engine.given[before:]]
    assert len(again) == 3, "the first round is not trained twice"
    clear = first.whole.posterior.max(axis=1) > 0.02
    for trial in again:
        targets = bench.workplace.targets(trial.targets)
        np.testing.assert_array_equal(targets.keep, ~suspects | clear)
        expected = np.where(suspects & clear, first.whole.posterior.argmax(axis=1), told)
        np.testing.assert_array_equal(targets.labels[targets.keep], expected[targets.keep])


def test_no_repair_is_the_labels_as_given(study: Any) -> None:
    bench = study.bench()
    audit = audit_labels(bench, study.recipe, [1], nested=False)
    assert audit.targets(bench, WHOLE, "none", 0.5) == bench.as_given
    kept = bench.workplace.targets(audit.targets(bench, WHOLE, "drop", 1.0))
    assert kept.keep.all()


def guesses(given: Any, certainty: float, **words: Any) -> RemedyResult:
    """Return a result that is sure of the given labels, except of the first three images, which it calls class 2."""
    believed = np.full((len(given), 3), (1 - certainty) / 2)
    believed[np.arange(len(given)), given] = certainty
    believed[:3] = [(1 - certainty) / 2, (1 - certainty) / 2, certainty]
    plain = {"remedy": "balanced-softmax", "repair": "drop", "model": "simple", "curve": Curve((), ())}
    return RemedyResult(
        **plain | words,
        evaluation=evaluate(given, believed, ("a", "b", "c")),
        probabilities=believed.astype(np.float32),
        indices=np.arange(len(given)),
        trained_counts=(1, 1, 1),
    )


def test_a_comparisons_own_predictions_refine_the_audit(study: Any) -> None:
    bench = study.bench()
    audit = audit_labels(bench, study.recipe, [1], nested=True)
    sure = guesses(bench.given, 0.98)
    better = refined(audit, bench, [sure, guesses(bench.given, 0.34, remedy="none")])
    # Plain training hides rare images in the common class, so its predictions are left out.
    np.testing.assert_array_equal(better.whole.posterior, refined(audit, bench, [sure]).whole.posterior)
    doubt = better.whole.suspicion(bench.given)
    # Three images of sixty are little evidence, so they are suspects before all others and yet not called wrong.
    assert doubt[:3].min() > 3 * doubt[3:].max()
    assert (better.whole.posterior[:3, 2] > better.whole.posterior[:3, 1]).all()
    # What folds were judged with stays as it was.
    assert all(better.models[fold] is audit.models[fold] for fold in range(3))


def test_networks_with_and_without_the_suspects_are_heard_and_plain_ones_are_not(study: Any) -> None:
    bench = study.bench()
    audit = audit_labels(bench, study.recipe, [1], nested=True)
    without, withal = guesses(bench.given, 0.98), guesses(bench.given, 0.5, repair="none")
    both, one, other = (refined(audit, bench, part).whole for part in ([without, withal], [without], [withal]))
    assert both.wrong.value not in (one.wrong.value, other.wrong.value)
    assert refined(audit, bench, [guesses(bench.given, 0.98, remedy="none")]) is audit
    part = replace(without, indices=np.arange(5))
    assert refined(audit, bench, [part]) is audit
