from __future__ import annotations

import numpy as np
import pytest

from evenhand.remedies.plan import Draw, Plan, Stage
from evenhand.remedies.sampling import deferred_draws, oversample, sampler, undersample

STUDY = np.array([4949.0, 449.0, 227.0])


def test_oversampling_goes_to_the_largest_class():
    assert oversample(STUDY) == Plan(draw=Draw("counts", (4949.0, 4949.0, 4949.0), 14_847))


def test_undersampling_goes_to_the_smallest_class():
    assert undersample(STUDY) == Plan(draw=Draw("counts", (227.0, 227.0, 227.0), 681))


def test_a_missing_class_is_neither_drawn_nor_the_smallest():
    counts = np.array([5.0, 0.0, 3.0])
    assert undersample(counts).draw == Draw("counts", (3.0, 0.0, 3.0), 6)
    assert oversample(counts).draw == Draw("counts", (5.0, 0.0, 5.0), 10)


def test_the_smallest_class_of_soft_labels_still_has_an_image():
    assert undersample(np.array([4.7, 0.3])).draw == Draw("counts", (1.0, 1.0), 2)


def test_the_sampler_makes_every_class_equally_likely_and_keeps_the_length():
    draw = sampler(STUDY, q=0.0).draw
    assert draw is not None
    assert draw.method == "weighted"
    assert draw.length == 5625
    # 5625 / (3 n): the chance of a class is n times the weight, a third each.
    assert draw.values == pytest.approx((0.378864, 4.175947, 8.259912), rel=1e-5)


@pytest.mark.parametrize(("q", "shares"), [(0.0, [1 / 3, 1 / 3, 1 / 3]), (0.5, [3 / 6, 2 / 6, 1 / 6])])
def test_class_shares_go_with_a_power_of_the_counts(q: float, shares: list[float]):
    counts = np.array([9.0, 4.0, 1.0])
    draw = sampler(counts, q=q).draw
    assert draw is not None
    drawn = counts * draw.values
    assert drawn / drawn.sum() == pytest.approx(shares)
    assert drawn.sum() / counts.sum() == pytest.approx(1)


def test_q_one_leaves_the_draws_uniform():
    draw = sampler(STUDY, q=1.0).draw
    assert draw is not None
    assert draw.values == pytest.approx((1.0, 1.0, 1.0))


def test_deferred_draws_are_those_of_the_sampler():
    plan = deferred_draws(STUDY, start=0.6, q=0.5)
    assert plan == Plan(stages=(Stage(0.6, draw=sampler(STUDY, q=0.5).draw),))
