from __future__ import annotations

import numpy as np
import pytest

from evenhand.remedies.mixing import cmo, cutmix, mixup, remix
from evenhand.remedies.plan import Mixing, Plan

STUDY = np.array([4949.0, 449.0, 227.0])


def test_mixup_and_cutmix_do_not_look_at_the_counts():
    assert mixup(STUDY, alpha=0.4) == Plan(mixing=Mixing("blend", 0.4))
    assert cutmix(STUDY, alpha=1.0, chance=0.5) == Plan(mixing=Mixing("patch", 1.0, 0.5))


def test_remix_knows_how_common_the_classes_are():
    mixing = remix(np.array([6.0, 3.0, 0.0]), alpha=1.0, kappa=3.0, tau=0.5).mixing
    assert mixing is not None
    assert (mixing.method, mixing.kappa, mixing.tau) == ("blend", 3.0, 0.5)
    assert mixing.shares == pytest.approx((0.6, 0.3, 0.1))


@pytest.mark.parametrize(
    ("power", "shares"), [(0.0, [1 / 3, 1 / 3, 1 / 3]), (1.0, [1 / 7, 2 / 7, 4 / 7]), (2.0, [1 / 21, 4 / 21, 16 / 21])]
)
def test_cmo_draws_partners_by_a_power_of_the_inverse_counts(power: float, shares: list[float]):
    counts = np.array([4.0, 2.0, 1.0])
    mixing = cmo(counts, alpha=1.0, chance=0.5, power=power).mixing
    assert mixing is not None
    assert (mixing.method, mixing.chance) == ("patch", 0.5)
    drawn = counts * np.asarray(mixing.partners)
    assert drawn / drawn.sum() == pytest.approx(shares)
    assert drawn.sum() == pytest.approx(7)
