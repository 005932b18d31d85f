from __future__ import annotations

import numpy as np
import pytest

from evenhand.remedies.weighting import class_weights

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
