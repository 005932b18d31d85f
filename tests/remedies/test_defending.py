from __future__ import annotations

import numpy as np
import pytest

from evenhand.errors import UsageError
from evenhand.remedies.catalogue import plan_for, trunk_part
from evenhand.remedies.defending import pgd_train
from evenhand.remedies.plan import Loss, Perturbation, Plan

LABELS = np.repeat(np.arange(3), (60, 30, 10))


def test_grey_levels_become_pixel_values():
    plan = pgd_train(np.array([4949.0, 449.0, 227.0]), eps=8.0, steps=7, step=2.0)
    assert plan == Plan(perturbation=Perturbation(pytest.approx(8 / 255), 7, pytest.approx(2 / 255)))


def test_it_is_composed_with_a_correction_and_trained_before_a_second_training():
    plan = plan_for("balanced-softmax+pgd-train:eps=4", LABELS, 3)
    assert plan.perturbation == Perturbation(4 / 255, 7, 2 / 255)
    assert plan.loss == Loss(logit_offsets=pytest.approx(tuple(np.log([0.6, 0.3, 0.1]))))
    assert plan.at(0.5).perturbation == plan.perturbation
    assert trunk_part("pgd-train:steps=3+crt") == "pgd-train:steps=3"


@pytest.mark.parametrize("text", ["pgd-train:eps=0", "pgd-train:eps=8/255", "pgd-train:steps=0", "pgd-train:step=0"])
def test_a_budget_that_cannot_be_meant_is_refused(text: str):
    with pytest.raises(UsageError, match="must be a"):
        plan_for(text, LABELS, 3)
