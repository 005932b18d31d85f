"""What a repair changes and what it never touches: settled images, held-out folds, and the counts that plans follow."""

from typing import Any

import numpy as np
import pytest

from evenhand.auditing.labels import LabelModel
from evenhand.records.values import Interval
from evenhand.remedies.catalogue import plan_for
from evenhand.study import final as final_module
from evenhand.study import trial as trial_module
from evenhand.study.final import train_final
from evenhand.study.judging import candidates, judge, post_offsets
from evenhand.study.label_audit import WHOLE, LabelAudit, audit_labels
from evenhand.study.trial import Targets

REPAIRS = ("drop", "relabel", "soft")
SUSPECTS = [0, 1, 2, 3, 40, 41]
"""Four of class a that are said to show class c, and two of class b that show class a."""


def believed(given: Any) -> Any:
    """Return a posterior that is sure of all labels but those of the suspects."""
    posterior = np.eye(3)[given]
    posterior[SUSPECTS[:4]] = [0.1, 0.0, 0.9]
    posterior[SUSPECTS[4:]] = [0.8, 0.2, 0.0]
    return posterior


def audit_of(bench: Any) -> LabelAudit:
    """Return an audit that believes it, with a model for every fold."""
    members = {scope: np.flatnonzero(bench.fold != scope) for scope in (WHOLE, *range(bench.n_folds))}
    whole = believed(bench.given)

    def model(rows: Any) -> LabelModel:
        return LabelModel(whole[rows], np.zeros((3, 3)), Interval(5, 4, 6), 1.0, np.zeros(3), np.zeros(3, dtype=bool))

    return LabelAudit({scope: model(rows) for scope, rows in members.items()}, members)


def as_counted(labels: Any) -> Any:
    return labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=3)


EXPECTED = {"none": [36, 14, 10], "drop": [32, 12, 10], "relabel": [34, 12, 14], "soft": [34, 12.4, 13.6]}
"""Images a class that each repair leaves, by hand."""


@pytest.mark.parametrize("method", EXPECTED)
def test_counts_after_a_repair_are_as_counted_by_hand(study: Any, method: str) -> None:
    bench = study.bench()
    kept = bench.workplace.targets(audit_of(bench).targets(bench, WHOLE, method, 0.5))
    np.testing.assert_allclose(as_counted(kept.labels[kept.keep]), EXPECTED[method], atol=1e-5)


@pytest.mark.parametrize("method", EXPECTED)
def test_class_weights_and_priors_follow_the_repaired_counts(
    study: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = study.bench()
    audit = audit_of(bench)
    planned: list[Any] = []

    def spy(remedy: str, labels: Any, k: int, **rules: Any) -> Any:
        planned.append(as_counted(labels))
        return plan_for(remedy, labels, k, **rules)

    monkeypatch.setattr(trial_module, "plan_for", spy)
    (found,) = judge(bench, candidates(["class-weights"], [method], study.recipe), audit, trust=0.5, seeds=1, title="")
    wanted = []
    for fold in range(3):
        kept = bench.workplace.targets(audit.targets(bench, fold, method, 0.5))
        wanted.append(as_counted(kept.labels[kept.keep & (bench.fold != fold)]))
        # The prior that is divided out of finished predictions is that of the same images.
        shares = wanted[-1] / wanted[-1].sum()
        offsets = post_offsets(bench, "logit-adjust", audit.targets(bench, fold, method, 0.5), fold)
        np.testing.assert_allclose(offsets, -np.log(shares), rtol=1e-4)
    np.testing.assert_allclose(sorted(map(tuple, planned)), sorted(map(tuple, wanted)), atol=1e-4)
    # An epoch on the whole training set, as the report shows it.
    np.testing.assert_allclose(found.result.trained_counts, np.rint(EXPECTED[method]))


def test_the_weight_of_a_class_is_that_of_its_repaired_images(study: Any) -> None:
    bench = study.bench()
    kept = bench.workplace.targets(audit_of(bench).targets(bench, WHOLE, "soft", 0.5))
    weights = plan_for("class-weights", kept.labels[kept.keep], 3).loss.class_weights
    counts = np.array(EXPECTED["soft"])
    raw = counts.sum() / (3 * counts)
    np.testing.assert_allclose(weights, raw / (raw * counts).sum() * counts.sum(), rtol=1e-5)


def test_the_final_model_is_planned_by_what_the_repair_leaves(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = study.bench()
    targets = bench.workplace.targets(audit_of(bench).targets(bench, WHOLE, "relabel", 0.5))
    planned: list[Any] = []

    def spy(remedy: str, labels: Any, k: int, **rules: Any) -> Any:
        planned.append(as_counted(labels))
        return plan_for(remedy, labels, k, **rules)

    for module in (trial_module, final_module):
        monkeypatch.setattr(module, "plan_for", spy)
    model = train_final(bench, "logit-adjust", study.recipe, targets, members=1, size=(16, 16), title="")
    assert len(planned) >= 2, "for the loss while training, and for what is divided out afterwards"
    np.testing.assert_array_equal(planned, [EXPECTED["relabel"]] * len(planned))
    shares = np.array(EXPECTED["relabel"]) / 60
    np.testing.assert_allclose(model.logit_offsets, -np.log(shares), rtol=1e-5)


def test_more_trust_is_asked_for_before_a_label_is_touched(study: Any) -> None:
    bench = study.bench()
    audit = audit_of(bench)
    for trust, touched in ((0.5, SUSPECTS), (0.85, SUSPECTS[:4]), (0.95, [])):
        for method in REPAIRS:
            kept = bench.workplace.targets(audit.targets(bench, WHOLE, method, trust))
            labels = kept.labels if kept.labels.ndim == 2 else np.eye(3)[kept.labels]
            changed = ~kept.keep | (labels != np.eye(3)[bench.given]).any(axis=1)
            assert np.flatnonzero(changed).tolist() == touched, (method, trust)


@pytest.mark.parametrize("rounds", [1, 2])
def test_settled_images_are_never_second_guessed(study: Any, rounds: int) -> None:
    """With hardly any trust at all every other image is touched, also between the rounds of the audit."""
    lies = np.where(np.arange(study.n) % 5 == 0, (study.labels + 1) % 3, study.labels)
    bench = study.bench(given=lies)
    bench.settled = np.arange(study.n) % 5 == 0
    audit = audit_labels(bench, study.recipe, [1] * rounds, nested=True)
    between = {trial.targets for _, trial in bench.engine.given}
    chosen = {audit.targets(bench, scope, method, 1e-9) for scope in audit.models for method in REPAIRS}
    for name in between | chosen:
        kept = bench.workplace.targets(name)
        labels = kept.labels if kept.labels.ndim == 2 else np.eye(3)[kept.labels]
        assert kept.keep[bench.settled].all()
        np.testing.assert_array_equal(labels[bench.settled], np.eye(3)[lies][bench.settled])
    # Otherwise this test would show nothing.
    kept = bench.workplace.targets(audit.targets(bench, WHOLE, "drop", 1e-9))
    assert not kept.keep[~bench.settled].all()
    assert (audit.whole.suspicion(bench.given)[bench.settled] == 0).all()


def test_what_is_repaired_outside_a_fold_is_judged_on_the_fold_as_it_is_given(study: Any) -> None:
    """No repair reaches the labels that a candidate is judged by."""
    bench = study.bench()
    found = judge(
        bench, candidates(["sampler"], ["none", *REPAIRS], study.recipe), audit_of(bench), trust=0.5, seeds=1, title=""
    )
    for score in found:
        assert [row.support for row in score.result.evaluation.per_class] == [36, 14, 10]
        assert len(score.result.indices) == study.n


def test_the_same_folds_and_seeds_judge_with_and_without_a_repair(study: Any) -> None:
    bench = study.bench()
    before, after = judge(
        bench, candidates(["sampler"], ["none", "drop"], study.recipe), audit_of(bench), trust=0.5, seeds=2, title=""
    )
    trials = [trial for _, trial in bench.engine.given]
    assert before.by_fold.shape == after.by_fold.shape == (2, 3)
    plain = sorted((trial.held, trial.seed) for trial in trials if trial.targets == bench.as_given)
    assert plain == sorted((trial.held, trial.seed) for trial in trials if trial.targets != bench.as_given)


def test_a_repair_that_changes_nothing_trains_nothing_again(study: Any) -> None:
    bench = study.bench()
    judge(
        bench, candidates(["sampler"], ["none", "drop", "relabel"], study.recipe), audit_of(bench), trust=1.0, seeds=1,
        title="",
    )  # fmt: skip
    assert len(bench.engine.given) == 3
    assert bench.save(Targets(np.ones(study.n, dtype=bool), bench.given)) == bench.as_given
