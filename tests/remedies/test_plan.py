from __future__ import annotations

import dataclasses
import json

import pytest

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.remedies.plan import Draw, Head, Loss, Mixing, Perturbation, Plan, Post, Refit, Stage, Synthesis, compose

DRAW = Draw("counts", (2.0, 2.0), 4)
COPIES = Synthesis("copies", (1, 2))
SMOTE = Synthesis("smote", (0, 3))
FULL = Plan(
    synthesis=SMOTE,
    draw=DRAW,
    augmentation=Augmentation(crop=4),
    mixing=Mixing("blend", 1.0),
    perturbation=Perturbation(0.03, 7, 0.01),
    loss=Loss(class_weights=(0.5, 1.5)),
    head=Head("cosine", 30.0),
    stages=(Stage(0.8, class_weights=(0.25, 1.75)),),
    refit=Refit("retrain", draw=DRAW, epochs=3),
    post=Post((0.0, 1.0)),
)


def test_a_plan_is_frozen_hashable_and_json():
    plan = FULL
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.draw = None  # type: ignore[misc]
    assert hash(plan) == hash(dataclasses.replace(plan))
    written = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert written["draw"] == {"method": "counts", "values": [2.0, 2.0], "length": 4}
    assert written["loss"] == {
        "class_weights": [0.5, 1.5],
        "logit_offsets": None,
        "margins": None,
        "focal": None,
        "normalise": "mean",
    }
    assert written["stages"][0]["start"] == 0.8
    assert set(written) == {part.name for part in dataclasses.fields(Plan)}
    assert all(written.values())


def test_composition_keeps_what_each_part_asks_for():
    plan = compose(Plan(synthesis=COPIES), Plan(draw=DRAW))
    assert plan == Plan(synthesis=COPIES, draw=DRAW)
    assert compose(Plan(), plan) == plan == compose(plan, Plan())


@pytest.mark.parametrize(
    "plan",
    [
        Plan(draw=DRAW),
        Plan(post=Post((0.0,))),
        Plan(augmentation=Augmentation()),
        *(Plan(**{name: getattr(FULL, name)}) for name in ("mixing", "perturbation", "head", "stages", "refit")),
    ],
)
def test_setting_a_field_twice_is_refused_by_its_name(plan: Plan):
    (name,) = (part.name for part in dataclasses.fields(plan) if getattr(plan, part.name) is not None)
    with pytest.raises(UsageError, match=f"both set the {name}"):
        compose(plan, plan)


def test_of_the_loss_each_may_set_another_part():
    weighted = Loss(class_weights=(0.5, 1.5), normalise="batch")
    found = compose(Plan(loss=weighted), Plan(loss=Loss(focal=2.0))).loss
    assert found == Loss(class_weights=(0.5, 1.5), focal=2.0, normalise="batch")
    with pytest.raises(UsageError, match="both set the class_weights of the loss"):
        compose(Plan(loss=weighted), Plan(loss=Loss(class_weights=(1.0, 1.0))))


def test_stages_change_what_they_name_when_they_begin():
    early, late = Stage(0.5, draw=DRAW), Stage(0.8, class_weights=(2.0, 0.5))
    plan = Plan(loss=Loss(class_weights=(1.0, 1.0), focal=2.0), stages=(early, late))
    assert plan.at(0.0) == plan.at(0.49) == Plan(loss=Loss(class_weights=(1.0, 1.0), focal=2.0))
    assert plan.at(0.5) == Plan(draw=DRAW, loss=Loss(class_weights=(1.0, 1.0), focal=2.0))
    assert plan.at(0.8) == plan.at(1.0) == Plan(draw=DRAW, loss=Loss(class_weights=(2.0, 0.5), focal=2.0))
    assert Plan(stages=(late,)).at(0.9) == Plan(loss=Loss(class_weights=(2.0, 0.5)))


def test_syntheses_of_different_methods_follow_one_another():
    found = compose(Plan(synthesis=SMOTE), Plan(synthesis=COPIES)).synthesis
    assert found is not None
    assert [step.method for step in found.steps()] == ["smote", "copies"]
    assert found.totals() == (1, 5)


def test_the_same_synthesis_twice_is_refused():
    both = compose(Plan(synthesis=SMOTE), Plan(synthesis=COPIES))
    with pytest.raises(UsageError, match="both add images by copies"):
        compose(both, Plan(synthesis=COPIES))
