from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.study.final_temperature import GIVEN, POSTERIOR, counted, expected_gap, final_temperature
from evenhand.study.judging import candidates, judge
from evenhand.study.trial import Targets


def judged(study: Any, remedy: str, **changes: Any) -> tuple[Any, Any, Targets]:
    bench = study.bench()
    (score,) = judge(bench, candidates([remedy], ["none"], study.recipe), None, trust=0.5, seeds=1, title="judging")
    return bench, replace(score.result, **changes), Targets(np.ones(study.n, dtype=bool), study.labels)


def sure(labels: Any, share: float) -> Any:
    """Return probabilities that give the label two thirds, or another share, and the rest to the others evenly."""
    chances = np.full((len(labels), 3), (1 - share) / 2)
    chances[np.arange(len(labels)), labels] = share
    return chances


def test_classes_count_as_the_remedy_takes_them(study: Any) -> None:
    # Right about the common class, and about the others at a third: as they occur that is right four times in five.
    said = np.where(study.labels == 0, 0, (np.arange(study.n) % 3))
    bench, result, targets = judged(study, "none", probabilities=sure(said, 0.6))
    plain = final_temperature(bench, "none", result, targets, None)
    even = final_temperature(bench, "balanced-softmax", result, targets, None)
    assert (plain.as_they_occur, even.as_they_occur) == (True, False)
    assert plain.value < even.value
    np.testing.assert_allclose(plain.prior, np.array([36, 14, 10]) / 60)
    np.testing.assert_allclose(even.prior, [1 / 3] * 3, rtol=1e-6)
    assert (plain.fitted_on, plain.n) == (GIVEN, 60)
    # The mean over classes of how often it is right is what its sureness ought to be, doubt of unseen images aside.
    right = np.mean([np.mean(said[study.labels == k] == k) for k in range(3)])
    odds = np.log(0.6 / 0.2)
    assert even.value == pytest.approx(odds / np.log(2 * right / (1 - right)), rel=0.25)


def test_the_posterior_of_the_true_labels_is_believed_where_there_is_one(study: Any) -> None:
    truth = study.labels.copy()
    truth[:6] = 1
    bench, result, targets = judged(study, "none", probabilities=sure(truth, 0.9))
    given = final_temperature(bench, "none", result, targets, None)
    believed = final_temperature(bench, "none", result, targets, np.eye(3)[truth])
    assert believed.fitted_on == POSTERIOR
    # By the given labels six of its answers are wrong, and it looks too sure; by the true ones none is.
    assert believed.value < 1 < given.value
    assert believed.ece_scaled is not None
    assert believed.ece_scaled < believed.ece
    assert believed.log_loss_scaled is not None
    assert believed.log_loss_scaled < believed.log_loss


def test_no_mistake_in_sight_is_no_reason_to_be_certain(study: Any) -> None:
    bench, result, targets = judged(study, "none", probabilities=sure(study.labels, 0.99))
    found = final_temperature(bench, "none", result, targets, None)
    assert 0.5 < found.value < 2


def test_one_fold_alone_tells_nothing_of_the_figures_after_it(study: Any) -> None:
    bench, result, targets = judged(study, "none")
    here = np.flatnonzero(bench.fold == 0)
    part = replace(result, indices=result.indices[here], probabilities=result.probabilities[here])
    found = final_temperature(bench, "none", part, targets, None)
    assert (found.n, found.ece_scaled, found.log_loss_scaled) == (len(here), None, None)
    assert found.to_json()["fitted_on"] == GIVEN


def test_what_images_count_by_hand() -> None:
    believed = np.eye(2)[[0, 0, 0, 1]]
    # One image more than the three, of which nothing is known: each is right four times in five.
    np.testing.assert_allclose(counted(believed, None)[[0, 3]], [[0.8, 0.2], [1 / 3, 2 / 3]])
    even = counted(believed, np.array([0.5, 0.5]))
    np.testing.assert_allclose(even.sum(axis=1), [2 / 3] * 3 + [2])
    np.testing.assert_allclose(even[3], [2 / 3, 4 / 3])
    assert counted(believed, np.array([0.5, 0.5])).sum() == pytest.approx(4)


def test_the_expected_gap_by_hand() -> None:
    chances = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert expected_gap(chances, np.array([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx(0.15)
    assert expected_gap(chances, np.array([[3.0, 0.0], [0.5, 0.5]])) == pytest.approx(abs(0.9 - 3.5 / 4))
