from __future__ import annotations

import numpy as np
import pytest

from evenhand.remedies.plan import Loss, Plan, Stage
from evenhand.remedies.weighting import (
    class_balanced_focal,
    class_weights,
    deferred_weights,
    effective_number,
    focal,
)

STUDY = np.array([4949.0, 449.0, 227.0])


def weights(counts: np.ndarray, gamma: float = 1.0) -> np.ndarray:
    loss = class_weights(counts, gamma=gamma, by="example").loss
    assert loss is not None
    return np.asarray(loss.class_weights)


def test_the_study_s_weights_up_to_a_constant():
    # |training set| / |class| = 1.13659, 12.52784, 24.77974; a third of it has mean 1 over the images.
    assert weights(STUDY) == pytest.approx([1.136593 / 3, 12.527840 / 3, 24.779736 / 3], rel=1e-6)


def test_gamma_is_the_exponent():
    # Counts 4 and 1: plain weights go as 1 : 4, their square roots as 1 : 2; the mean over five images is 1.
    counts = np.array([4.0, 1.0])
    assert weights(counts, 1.0) == pytest.approx([0.625, 2.5])
    assert weights(counts, 0.5) == pytest.approx([5 / 6, 10 / 6])
    assert weights(counts, 0.0) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_the_mean_over_the_training_images_is_one(gamma: float):
    assert (STUDY * weights(STUDY, gamma)).sum() / STUDY.sum() == pytest.approx(1)


def test_a_missing_class_gets_a_finite_weight_and_does_not_disturb_the_mean():
    found = weights(np.array([6.0, 0.0, 2.0]))
    assert found == pytest.approx([8 / 12, 4.0, 2.0])


def test_by_class_divides_a_batch_by_its_weights_and_changes_nothing_else():
    by_example = class_weights(STUDY, gamma=1.0, by="example").loss
    by_class = class_weights(STUDY, gamma=1.0, by="class").loss
    assert by_example is not None
    assert by_class is not None
    assert (by_example.normalise, by_class.normalise) == ("mean", "batch")
    assert by_example.class_weights == by_class.class_weights


def test_effective_numbers_by_hand():
    # beta = .9, counts 2 and 1: effective numbers (1 - .81) / .1 = 1.9 and 1, so weights as 1/1.9 : 1.
    loss = effective_number(np.array([2.0, 1.0]), beta=0.9).loss
    assert loss is not None
    assert loss.class_weights is not None
    common, rare = loss.class_weights
    assert rare / common == pytest.approx(1.9)
    assert 2 * common + rare == pytest.approx(3)


def test_between_no_weights_and_plain_class_weights():
    flat, steep = (effective_number(STUDY, beta=beta).loss for beta in (0.0, 0.999999))
    assert flat is not None
    assert steep is not None
    assert flat.class_weights == pytest.approx((1.0, 1.0, 1.0))
    assert steep.class_weights == pytest.approx(tuple(weights(STUDY)), rel=0.01)


def test_focal_and_class_balanced_focal():
    assert focal(STUDY, gamma=1.5) == Plan(loss=Loss(focal=1.5))
    both, alone = class_balanced_focal(STUDY, gamma=1.5, beta=0.99), effective_number(STUDY, beta=0.99)
    assert both.loss is not None
    assert alone.loss is not None
    assert both.loss == Loss(class_weights=alone.loss.class_weights, focal=1.5)


def test_deferred_weights_are_those_of_the_effective_number():
    plan, now = deferred_weights(STUDY, start=0.8, beta=0.999), effective_number(STUDY, beta=0.999).loss
    assert now is not None
    assert plan == Plan(stages=(Stage(0.8, class_weights=now.class_weights),))
