from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from evenhand.evaluation.metrics import image_losses
from evenhand.evaluation.temperature import LEAST, MOST, cross_fitted_scaling, fit_temperature, mean_loss, scaled


def test_two_classes_by_hand() -> None:
    # Always sure to 9 : 1, right three times in four: the best is 3 : 1, so 9^(1/T) = 3 and T = 2.
    chances = np.array([[0.9, 0.1]] * 4)
    labels = np.array([0, 0, 0, 1])
    assert fit_temperature(chances, labels) == pytest.approx(2)
    np.testing.assert_allclose(scaled(chances, 2), [[0.75, 0.25]] * 4)
    assert image_losses(labels, scaled(chances, 2)).mean() == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4)


def test_what_is_not_sure_enough_is_made_surer() -> None:
    # 3 : 1 and right nine times in ten: 3^(1/T) = 9.
    assert fit_temperature([[0.75, 0.25]] * 10, np.array([0] * 9 + [1])) == pytest.approx(0.5)


def test_a_soft_label_is_what_many_images_would_say() -> None:
    # Always sure to 9 : 1; three quarters believed: the best is 3 : 1 again.
    soft = np.array([[0.75, 0.25]])
    assert fit_temperature([[0.9, 0.1]], soft) == pytest.approx(2)
    assert mean_loss([[0.9, 0.1]], soft) == pytest.approx(-(0.75 * np.log(0.9) + 0.25 * np.log(0.1)))
    sixteen = np.repeat([0, 1], [12, 4])
    assert fit_temperature([[0.9, 0.1]] * 16, sixteen) == pytest.approx(2)


def test_an_image_counts_as_much_as_its_row() -> None:
    # Nine images of the common class are right, the only one of the rare class is wrong. As they occur, 9 : 1 is just
    # what it should be; where both classes count equally, nothing better than a guess is.
    chances, labels = np.array([[0.9, 0.1]] * 10), np.array([0] * 9 + [1])
    rows = np.eye(2)[labels]
    assert fit_temperature(chances, rows) == pytest.approx(fit_temperature(chances, labels)) == pytest.approx(1)
    assert fit_temperature(chances, rows / rows.sum(axis=0)) == MOST
    # Rare ones at half the weight of the common ones: 2 : 1, so 9^(1/T) = 2.
    assert fit_temperature(chances, rows * [1, 4.5]) == pytest.approx(np.log(9) / np.log(2))
    assert fit_temperature(chances, 7 * rows) == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_with_weights_the_loss_is_convex_and_this_is_its_lowest_point(seed: int) -> None:
    draw = np.random.default_rng(seed)
    chances, rows = draw.dirichlet([1] * 3, size=40), draw.gamma(1, size=(40, 3)) * draw.gamma(1, size=(40, 1))

    def loss(inverse: float) -> float:
        return mean_loss(scaled(chances, 1 / inverse), rows)

    ends = np.linspace(1 / MOST, 2, 40)
    assert all(loss((low + high) / 2) <= (loss(low) + loss(high)) / 2 + 1e-9 for low, high in pairwise(ends))
    assert loss(1 / fit_temperature(chances, rows)) <= min(map(loss, ends)) + 1e-9


def test_the_temperature_stays_between_its_ends() -> None:
    assert fit_temperature([[0.9, 0.1]] * 3, np.array([0, 0, 0])) == LEAST
    assert fit_temperature([[0.9, 0.1]] * 3, np.array([1, 1, 1])) == MOST
    assert fit_temperature([[0.5, 0.5]] * 2, np.array([0, 1])) == 1
    assert np.isfinite(fit_temperature([[1.0, 0.0]] * 3, np.array([0, 0, 1])))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0.3, 4))
def test_it_is_the_minimum_that_scipy_finds(seed: int, classes: int, sureness: float) -> None:
    draw = np.random.default_rng(seed)
    logits = sureness * draw.normal(size=(60, classes))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = draw.integers(0, classes, 60)

    def loss(log: float) -> float:
        return float(image_losses(labels, scaled(chances, np.exp(log))).mean())

    found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded", options={"xatol": 1e-6})
    assert loss(np.log(fit_temperature(chances, labels))) <= found.fun + 1e-9
    kept = scaled(chances, 3.0)
    np.testing.assert_allclose(kept.sum(axis=1), 1)
    np.testing.assert_array_equal(kept.argmax(axis=1), chances.argmax(axis=1))
    np.testing.assert_allclose(scaled(chances, 1.0), chances, rtol=1e-9)


def test_the_temperature_of_a_fold_does_not_know_its_labels() -> None:
    draw = np.random.default_rng(0)
    chances = draw.dirichlet([1, 1, 1], size=90)
    labels, fold = (draw.random((90, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2), np.arange(90) % 3
    found = cross_fitted_scaling(chances, labels, fold)
    lies = np.where(fold == 1, (labels + 1) % 3, labels)
    np.testing.assert_array_equal(cross_fitted_scaling(chances, lies, fold)[fold == 1], found[fold == 1])
    assert (cross_fitted_scaling(chances, lies, fold)[fold == 0] != found[fold == 0]).any()
    by_hand = scaled(chances[fold == 2], fit_temperature(chances[fold != 2], labels[fold != 2]))
    np.testing.assert_array_equal(found[fold == 2], by_hand)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        cross_fitted_scaling([[0.5, 0.5]] * 3, np.array([0, 1, 1]), np.array([4, 4, 4]))
    with pytest.raises(ValueError, match="a label for each image"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, dtype=np.int64))
    for rows in (np.zeros((1, 2)), np.array([[1.0, -0.5]]), np.ones((1, 3))):
        with pytest.raises(ValueError, match="not negative, and not all zero"):
            fit_temperature([[0.9, 0.1]], rows)
