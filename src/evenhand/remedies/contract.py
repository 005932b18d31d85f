"""What every remedy promises, as one public check that new remedies are tested with."""

from __future__ import annotations

import inspect
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any

import numpy as np

from evenhand.errors import UsageError
from evenhand.records.values import Ints
from evenhand.remedies.catalogue import REMEDIES, RemedyPart, parse, plan_for, trunk_part
from evenhand.remedies.per_class import draws, frame, images_of, log_shares, per_class
from evenhand.remedies.plan import Loss, Plan, Synthesis
from evenhand.remedies.remedy import Remedy
from evenhand.remedies.synthesis import synthesise, synthesise_features

CASES: tuple[tuple[int, ...], ...] = (
    (4949, 449, 227),
    (20, 1, 5),
    (7, 3),
    (90, 40, 18, 8, 3, 1, 2, 5, 60, 30),
    (6, 0, 2),
)
"""Class counts a remedy is tried on: the reference study's, a single image, two classes, a tail, a missing class."""


_LOSS_PARTS = ("class_weights", "logit_offsets", "margins", "focal")


class ContractError(AssertionError):
    """A remedy breaks a promise that the training loop and the comparison rely on."""


def check_remedy(text: str, catalogue: Mapping[str, Remedy] = REMEDIES) -> None:
    """Do nothing when every remedy of the text, and their composition, keeps the contract.

    The plan is a frozen value that JSON can hold; it is a function of the class counts alone (same labels in another
    order, as one-hot rows, or with the classes renumbered: the same plan, renumbered); it sets the fields the
    catalogue says; every tuple has one entry a class, finite, and weights are positive with mean 1 over the training
    images; counts grow with the data set while strengths, unless the catalogue says otherwise, do not. Only a remedy
    that says so corrects the class shares; it never makes them more uneven, and on balanced data it changes nothing.
    A remedy with a second training names the remedy that its first one is, and both plan it alike. Inputs and global
    random state are left alone, torch is not needed, and what a synthesis plans is what it makes.

    Parameters
    ----------
    text : str
        A remedy or a composition, as `parse` reads it.
    catalogue : mapping of str to Remedy
        Where the names are looked up.

    Raises
    ------
    ContractError
        When a promise is broken; the message says which, by whom and on which class counts.
    UsageError
        When the text itself is wrong.
    """
    for part in parse(text, catalogue).parts:
        _check_entry(part.name, catalogue[part.name])
    for counts in CASES:
        case = _Case(text, catalogue, counts)
        for check in _CHECKS:
            check(case, case.plan())


@dataclass(frozen=True)
class _Case:
    """A remedy on one set of class counts."""

    text: str
    catalogue: Mapping[str, Remedy]
    counts: tuple[int, ...]

    @property
    def labels(self) -> Ints:
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def spec(self) -> tuple[RemedyPart, ...]:
        return parse(self.text, self.catalogue).parts

    @property
    def corrects(self) -> bool:
        return any(self.catalogue[part.name].corrects_prior for part in self.spec)

    @property
    def scale_free(self) -> bool:
        return all(self.catalogue[part.name].scale_free for part in self.spec)

    def plan(self, labels: Any = None) -> Plan:
        labels = self.labels if labels is None else labels
        with _without_torch():
            try:
                return plan_for(self.text, labels, len(self.counts), self.catalogue)
            except ModuleNotFoundError as error:
                raise self.broken(f"needs a module that planning must not load: {error}") from error
            except Exception as error:
                raise self.broken(f"fails with {type(error).__name__}: {error}") from error

    def broken(self, what: str) -> ContractError:
        return ContractError(f"{self.text} on class counts {self.counts}: {what}")

    def require(self, holds: object, what: str) -> None:
        if not holds:
            raise self.broken(what)


@contextmanager
def _without_torch() -> Iterator[None]:
    """Make ``import torch`` fail inside: planning must stay light, wherever it runs."""
    loaded = sys.modules.get("torch")
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if loaded is None:
            del sys.modules["torch"]
        else:
            sys.modules["torch"] = loaded


def _check_entry(name: str, remedy: Remedy) -> None:
    def require(holds: object, what: str) -> None:
        if not holds:
            raise ContractError(f"{name}: {what}")

    require(remedy.description.strip() and "\n" not in remedy.description, "the description must be one line of text")
    require(remedy.source.strip(), "the source is missing")
    taken = [item.name for item in inspect.signature(remedy.function).parameters.values()][1:]
    require(
        set(taken) == set(remedy.parameters), f"the function takes {taken}, the catalogue {list(remedy.parameters)}"
    )
    for key, parameter in remedy.parameters.items():
        try:
            parameter.read(str(parameter.default), f"{name}:{key}")
        except UsageError as error:
            raise ContractError(f"{name}: the default of {key} is not allowed: {error}") from error
    used = getattr(inspect.unwrap(remedy.function), "__globals__", {}).values()
    heavy = [item.__name__ for item in used if isinstance(item, ModuleType) and item.__name__.split(".")[0] == "torch"]
    require(not heavy, f"its module imports {', '.join(heavy)}; planning must not need torch")


def _check_value(case: _Case, plan: Plan) -> None:
    case.require(isinstance(plan, Plan), f"the function returns {type(plan).__name__}, not a Plan")
    try:
        hash(plan)
    except TypeError as error:
        raise case.broken(f"the plan is not a frozen value: {error}") from error
    try:
        json.dumps(plan.to_json(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise case.broken(f"the plan cannot be written as JSON: {error}") from error


def _check_function_of_counts(case: _Case, plan: Plan) -> None:
    labels = case.labels
    before, state = labels.copy(), _global_random_state()
    case.require(case.plan(labels) == plan, "the same labels give another plan")
    case.require(np.array_equal(labels, before), "the labels given are changed")
    case.require(state == _global_random_state(), "global random state is used")
    case.require(case.plan(labels[::-1].copy()) == plan, "the order of the images changes the plan")
    rows = np.eye(len(case.counts), dtype=np.float32)[labels]
    case.require(case.plan(rows) == plan, "one-hot rows give another plan than the labels they stand for")


def _global_random_state() -> tuple[object, ...]:
    numpy_state = np.random.get_state(legacy=False)["state"]
    return (random.getstate(), numpy_state["key"].tobytes(), numpy_state["pos"])


def _check_fields(case: _Case, plan: Plan) -> None:
    said = {layer for part in case.spec for layer in case.catalogue[part.name].layers}
    found = {part.name for part in fields(Plan) if getattr(plan, part.name) is not None and part.name != "loss"}
    plain = Loss()
    loss = plan.loss or plain
    found |= {f"loss.{name}" for name in _LOSS_PARTS if getattr(loss, name) != getattr(plain, name)}
    if "loss" in said:  # said as a whole: any of its parts will do
        said = (said - {"loss"}) | {name for name in found if name.startswith("loss.")}
        case.require(plan.loss is not None, "the catalogue says it sets the loss, the plan sets no loss")
    case.require(found == said, f"the catalogue says it sets {sorted(said)}, the plan sets {sorted(found)}")


def _check_entries(case: _Case, plan: Plan) -> None:
    present = np.asarray(case.counts) > 0
    for entry in per_class(plan):
        case.require(len(entry.values) == len(case.counts), f"{entry.name} must have one entry a class")
        values = np.asarray(entry.values, dtype=np.float64)
        case.require(np.isfinite(values).all(), f"{entry.name} must be finite: {entry.values}")
        if entry.positive:
            case.require((values > 0).all(), f"{entry.name} must be positive: {entry.values}")
        if entry.scales:
            whole = (values >= 0).all() and (values == np.rint(values)).all()
            case.require(whole, f"{entry.name} must be whole images: {entry.values}")
            case.require((values[~present] == 0).all(), f"{entry.name} asks for images of a class that has none")
    for draw in draws(plan):
        case.require(draw.length >= 1, "an epoch must hold at least one image")
        total = draw.method != "counts" or draw.length == sum(draw.values)
        case.require(total, "the length of the epoch must be the sum of its counts")
    starts = [stage.start for stage in plan.stages or ()]
    ordered = all(0 < start < 1 for start in starts) and starts == sorted(set(starts))
    case.require(ordered, f"stages must begin inside the training, one after the other: {starts}")


def _check_mean_one(case: _Case, plan: Plan) -> None:
    for entry in per_class(plan):
        if entry.positive:
            images = images_of(entry, plan, case.labels, len(case.counts))
            mean = float((images * entry.values).sum() / images.sum())
            case.require(abs(mean - 1) < 1e-6, f"{entry.name} must have mean 1 over the training images, not {mean:g}")


def _check_renumbering(case: _Case, plan: Plan) -> None:
    n_classes = len(case.counts)
    order = np.roll(np.arange(n_classes), 1)
    renumbered = case.plan(order[case.labels])
    case.require(frame(renumbered) == frame(plan), "renumbering the classes changes the plan")
    for before, after in zip(per_class(plan), per_class(renumbered), strict=True):
        moved = np.asarray(after.values)[order]
        case.require(np.allclose(moved, before.values, rtol=1e-9), f"{before.name} does not follow the class numbers")


def _check_scale(case: _Case, plan: Plan) -> None:
    if 0 in case.counts:
        return  # a missing class counts as one image whatever the size, so nothing scales exactly
    tripled = case.plan(np.repeat(case.labels, 3))
    case.require(frame(tripled) == frame(plan), "the size of the data set changes the kind of plan")
    for before, after in zip(per_class(plan), per_class(tripled), strict=True):
        if not (before.scales or case.scale_free):
            continue
        expected = np.asarray(before.values) * (3 if before.scales else 1)
        case.require(np.allclose(after.values, expected, rtol=1e-9), f"{before.name} does not scale with the data set")
    for draw, longer in zip(draws(plan), draws(tripled), strict=True):
        case.require(longer.length == 3 * draw.length, "the epoch does not grow with the data set")


def _check_correction(case: _Case, plan: Plan) -> None:
    present = np.asarray(case.counts) > 0
    plain = np.log(np.asarray(case.counts, dtype=np.float64)[present])
    seen = log_shares(plan, case.labels, len(case.counts))[present]
    if case.corrects:
        case.require(np.ptp(seen) <= np.ptp(plain) + 1e-6, "it says it corrects the class shares and makes them worse")
    else:
        same = np.allclose(seen - seen[0], plain - plain[0], atol=1e-6)
        case.require(same, "it changes the class shares without corrects_prior in the catalogue")


def _check_balanced(case: _Case, plan: Plan) -> None:
    del plan
    counts = (12,) * len(case.counts)
    even = _Case(case.text, case.catalogue, counts)
    if even.corrects:
        shares = log_shares(even.plan(), even.labels, len(counts))
        even.require(np.ptp(shares) < 1e-6, "it treats the classes of balanced data differently")


def _check_trunk(case: _Case, plan: Plan) -> None:
    first = trunk_part(case.text, case.catalogue)
    told = replace(case, text=first).plan()
    same = told == replace(plan, refit=None, post=None)
    case.require(same, f"its first training is said to be that of {first}, which plans another one")


def _check_synthesis(case: _Case, plan: Plan) -> None:
    labels = case.labels
    generator = np.random.default_rng(0)
    if len(labels) > 300:
        return
    if plan.synthesis is not None:
        pixels = generator.integers(0, 256, (len(labels), 6, 5, 3), dtype=np.uint8)
        _check_made(case, plan.synthesis, pixels, synthesise)
    if plan.refit and plan.refit.synthesis is not None:
        features = generator.normal(size=(len(labels), 7)).astype(np.float32)
        _check_made(case, plan.refit.synthesis, features, synthesise_features)


def _check_made(case: _Case, asked: Synthesis, images: Any, make: Callable[..., tuple[Any, Any]]) -> None:
    labels, before = case.labels, images.copy()
    made, added = make(asked, images, labels, seed=1)
    again, added_again = make(asked, images, labels, seed=1)
    found = tuple(np.bincount(added, minlength=len(case.counts)).tolist())
    case.require(found == asked.totals(), f"{asked.totals()} images are planned, {found} made")
    same_kind = made.dtype == images.dtype and made.shape[1:] == images.shape[1:]
    case.require(same_kind, "the images made are of another kind")
    case.require(np.array_equal(images, before), "the training images are changed")
    case.require(np.array_equal(made, again) and np.array_equal(added, added_again), "the same seed makes other images")


_CHECKS: tuple[Callable[[_Case, Plan], None], ...] = (
    _check_value,
    _check_function_of_counts,
    _check_fields,
    _check_entries,
    _check_mean_one,
    _check_renumbering,
    _check_scale,
    _check_correction,
    _check_balanced,
    _check_trunk,
    _check_synthesis,
)
