from __future__ import annotations

import dataclasses
import json

import pytest

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.remedies.plan import Draw, Loss, Plan, Post, Synthesis, compose

DRAW = Draw("counts", (2.0, 2.0), 4)
COPIES = Synthesis("copies", (1, 2))
SMOTE = Synthesis("smote", (0, 3))


def test_a_plan_is_frozen_hashable_and_json():
    plan = Plan(SMOTE, DRAW, Augmentation(crop=4), Loss(class_weights=(0.5, 1.5)), Post((0.0, 1.0)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.draw = None  # type: ignore[misc]
    assert hash(plan) == hash(dataclasses.replace(plan))
    written = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert written["draw"] == {"method": "counts", "values": [2.0, 2.0], "length": 4}
    assert written["loss"] == {"class_weights": [0.5, 1.5], "logit_offsets": None, "normalise": "mean"}


def test_composition_keeps_what_each_part_asks_for():
    plan = compose(Plan(synthesis=COPIES), Plan(draw=DRAW))
    assert plan == Plan(synthesis=COPIES, draw=DRAW)
    assert compose(Plan(), plan) == plan == compose(plan, Plan())


@pytest.mark.parametrize(
    "plan",
    [Plan(draw=DRAW), Plan(loss=Loss()), Plan(post=Post((0.0,))), Plan(augmentation=Augmentation())],
)
def test_setting_a_field_twice_is_refused_by_its_name(plan: Plan):
    (name,) = (part.name for part in dataclasses.fields(plan) if getattr(plan, part.name) is not None)
    with pytest.raises(UsageError, match=f"both set the {name}"):
        compose(plan, plan)


def test_syntheses_of_different_methods_follow_one_another():
    found = compose(Plan(synthesis=SMOTE), Plan(synthesis=COPIES)).synthesis
    assert found is not None
    assert [step.method for step in found.steps()] == ["smote", "copies"]
    assert found.totals() == (1, 5)


def test_the_same_synthesis_twice_is_refused():
    both = compose(Plan(synthesis=SMOTE), Plan(synthesis=COPIES))
    with pytest.raises(UsageError, match="both add images by copies"):
        compose(both, Plan(synthesis=COPIES))
