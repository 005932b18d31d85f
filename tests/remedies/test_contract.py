from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.remedies.catalogue import REMEDIES
from evenhand.remedies.contract import ContractError, check_remedy
from evenhand.remedies.plan import Draw, Loss, Mixing, Plan, Post, Refit, Stage, Synthesis
from evenhand.remedies.remedy import Parameter, Remedy

COMPOSITIONS = [
    "augment+sampler",
    "smote+augment",
    "augment+smote",
    "augment:factor=3,flip=none+augment-online+undersample",
    "augment-online:flip=both+class-weights:gamma=2,by=class",
    "sampler:q=0.5",
    "balanced-softmax:tau=2+augment",
    "logit-adjust:tau=0",
    "cmo+focal+balanced-softmax",
    "augment+mixup+drw",
    "augment+crt",
    "augment-online+remix+feature-adasyn",
    "mislas:alpha=0.2,head=0.4,tail=0.1",
    "logit-adjust:tau=tuned+cutmix",
    "drs:q=0.5,start=0.5",
    "pgd-train+balanced-softmax",
    "augment+pgd-train:eps=4,steps=3+crt",
]


@pytest.mark.parametrize("text", [*REMEDIES, *COMPOSITIONS])
def test_every_remedy_keeps_the_contract(text: str):
    check_remedy(text)


def test_an_unknown_remedy_is_a_usage_error():
    with pytest.raises(UsageError, match="Did you mean 'smote'"):
        check_remedy("smoot")


def broken(function: Callable[..., Any], sets: Any = "loss", *, corrects: bool = False) -> dict[str, Remedy]:
    return {"mine": Remedy(function, "Does something.", "nobody", sets, corrects_prior=corrects)}


def weights(values: Any, **more: Any) -> Plan:
    return Plan(loss=Loss(class_weights=tuple(float(value) for value in values), **more))


def even(counts: Any) -> np.ndarray:
    return np.ones(len(counts))


_calls: Iterator[int] = count()


def _changes(counts: Any) -> Plan:
    return Plan(augmentation=Augmentation(crop=next(_calls)))


def _uses_numpy_state(counts: Any) -> Plan:
    np.random.rand()
    return Plan(augmentation=Augmentation())


def _uses_random_state(counts: Any) -> Plan:
    random.random()
    return Plan(augmentation=Augmentation())


def _needs_torch(counts: Any) -> Plan:
    import torch

    return weights(torch.ones(len(counts)).tolist())


def _inverse(counts: Any) -> Plan:
    return weights(1 / np.maximum(counts, 1))


def _by_position(counts: Any) -> Plan:
    found = np.arange(1.0, len(counts) + 1)
    return weights(found * counts.sum() / (counts * found).sum())


def _absolute(counts: Any) -> Plan:
    found = 1 / np.log(np.maximum(counts, 1) + 1)
    return weights(found * counts.sum() / (counts * found).sum())


def _constant_draw(counts: Any) -> Plan:
    return Plan(draw=Draw("counts", tuple(100.0 * (counts > 0)), int(100 * (counts > 0).sum())))


def _fixed_length(counts: Any) -> Plan:
    return Plan(draw=Draw("weighted", tuple(even(counts)), 1000))


def _wrong_length(counts: Any) -> Plan:
    return Plan(draw=Draw("counts", tuple(counts.tolist()), int(counts.sum()) + 1))


def _half_images(counts: Any) -> Plan:
    return Plan(draw=Draw("counts", tuple((counts / 2).tolist()), int(counts.sum() / 2)))


def _wrong_way(counts: Any) -> Plan:
    return Plan(post=Post(tuple(np.log(np.maximum(counts, 1) / counts.sum()).tolist())))


def _tilts_balanced_data(counts: Any) -> Plan:
    lopsided = len(set(counts.tolist())) > 1
    offsets = np.log(np.maximum(counts, 1) / counts.sum()) if lopsided else np.linspace(0, 1, len(counts))
    return Plan(loss=Loss(logit_offsets=tuple(offsets.tolist())))


def _images_of_a_missing_class(counts: Any) -> Plan:
    made = tuple(int(counts.max() - found) for found in counts)
    return Plan(synthesis=Synthesis("smote", made, (("neighbours", 5.0),)))


def _stage(start: float) -> Any:
    return lambda counts: Plan(stages=(Stage(start, class_weights=tuple(even(counts))),))


def _two_stage(trunk: str | None, **more: Any) -> dict[str, Remedy]:
    def function(counts: Any) -> Plan:
        return Plan(refit=Refit("retrain", epochs=1, draw=REMEDIES["sampler"].function(counts, q=0.0).draw), **more)

    sets = ("refit", *more)
    entry = Remedy(function, "Does something.", "nobody", sets, corrects_prior=True, trunk=trunk)  # type: ignore[arg-type]
    return REMEDIES | {"mine": entry}


BROKEN: dict[str, tuple[dict[str, Remedy], str]] = {
    "no plan": (broken(lambda counts: {"loss": 1}), "returns dict|fails with"),
    "crash": (broken(lambda counts: 1 / 0), "fails with ZeroDivisionError"),
    "unhashable": (broken(lambda counts: Plan(loss=Loss(class_weights=[1.0] * len(counts)))), "not a frozen value"),
    "not JSON": (broken(lambda counts: Plan(loss=Loss(class_weights=tuple(map(np.float32, even(counts)))))), "JSON"),
    "not a number": (broken(lambda counts: weights(even(counts) * np.nan)), "JSON"),
    "changes": (broken(_changes, "augmentation"), "the same labels give another plan"),
    "numpy state": (broken(_uses_numpy_state, "augmentation"), "global random state"),
    "random state": (broken(_uses_random_state, "augmentation"), "global random state"),
    "torch": (broken(_needs_torch), "must not load"),
    "other field": (broken(lambda counts: Plan(augmentation=Augmentation())), "the plan sets"),
    "no field": (broken(lambda counts: Plan()), "the plan sets"),
    "too short": (broken(lambda counts: weights([1.0])), "one entry a class"),
    "negative": (broken(lambda counts: weights(-even(counts))), "must be positive"),
    "zero": (broken(lambda counts: weights(0 * even(counts))), "must be positive"),
    "mean": (broken(_inverse, corrects=True), "mean 1 over the training images"),
    "position": (broken(_by_position, corrects=True), "does not follow the class numbers"),
    "absolute": (broken(_absolute, corrects=True), "does not scale with the data set"),
    "constant": (broken(_constant_draw, "draw", corrects=True), "draw.values does not scale"),
    "fixed length": (broken(_fixed_length, "draw"), "the epoch does not grow"),
    "wrong length": (broken(_wrong_length, "draw"), "the sum of its counts"),
    "half images": (broken(_half_images, "draw"), "must be whole images"),
    "empty epoch": (
        broken(lambda counts: Plan(draw=Draw("counts", tuple(0 * even(counts)), 0)), "draw"),
        "at least one",
    ),
    "wrong way": (broken(_wrong_way, "post", corrects=True), "makes them worse"),
    "secret correction": (broken(REMEDIES["oversample"].function, "draw"), "without corrects_prior"),
    "tilts": (broken(_tilts_balanced_data, corrects=True), "balanced data"),
    "other part": (broken(lambda counts: Plan(loss=Loss(focal=1.0)), "loss.class_weights"), "the plan sets"),
    "stage outside": (broken(_stage(1.0), "stages"), "begin inside the training"),
    "secret stage": (
        broken(lambda counts: REMEDIES["drs"].function(counts, start=0.8, q=0.0), "stages"),
        "without corrects_prior",
    ),
    "secret experts": (
        broken(lambda counts: REMEDIES["balpoe"].function(counts, spread=1.0), "head"),
        "without corrects_prior",
    ),
    "partners": (
        broken(lambda counts: Plan(mixing=Mixing("patch", 1.0, partners=tuple(2 * even(counts)))), "mixing"),
        "mixing.partners must have mean 1",
    ),
    "no first training": (_two_stage(None), "its first training is said to be that of mine"),
    "other first training": (_two_stage("mixup"), "is said to be that of mixup, which plans another"),
    "missing class": (broken(_images_of_a_missing_class, "synthesis", corrects=True), "of a class that has none"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_remedy_is_caught(name: str):
    catalogue, message = BROKEN[name]
    with pytest.raises(ContractError, match=message):
        check_remedy("mine", catalogue)


def test_the_message_names_remedy_and_counts():
    with pytest.raises(ContractError, match=r"^augment\+mine on class counts \(4949, 449, 227\): fails with"):
        check_remedy("augment+mine", REMEDIES | broken(lambda counts: 1 / 0))


def test_a_remedy_that_spoils_its_counts_spoils_nothing_else():
    def spoils(counts: Any) -> Plan:
        counts[:] = 1
        return Plan(augmentation=Augmentation())

    check_remedy("mine+augment", REMEDIES | broken(spoils, "augmentation"))


def test_strengths_that_depend_on_the_size_must_be_declared():
    catalogue = broken(_absolute, corrects=True)
    check_remedy("mine", {"mine": replace(catalogue["mine"], scale_free=False)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"description": "two\nlines"}, "one line"),
        ({"source": " "}, "source is missing"),
        (
            {"parameters": {"k": Parameter(5, "neighbours", 1, 50), "z": Parameter(1, "what", 0, 2)}},
            "the function takes",
        ),
        ({"parameters": {"k": Parameter(99, "neighbours", 1, 50)}}, "the default of k is not allowed"),
    ],
)
def test_a_careless_entry_is_caught(change: dict[str, Any], message: str):
    with pytest.raises(ContractError, match=message):
        check_remedy("smote", {"smote": replace(REMEDIES["smote"], **change)})


def test_a_module_that_imports_torch_is_caught():
    heavy: dict[str, Any] = {"torch": ModuleType("torch"), "Plan": Plan}
    exec("def function(counts): return Plan()", heavy)
    with pytest.raises(ContractError, match="must not need torch"):
        check_remedy("mine", broken(heavy["function"]))


def test_torch_is_given_back_after_the_check(monkeypatch: pytest.MonkeyPatch):
    stand_in = ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    check_remedy("none")
    assert sys.modules["torch"] is stand_in
    monkeypatch.delitem(sys.modules, "torch")
    check_remedy("none")
    assert "torch" not in sys.modules
