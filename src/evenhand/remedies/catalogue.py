"""The language that asks for remedies by name, ``smote+augment`` or ``class-weights:gamma=0.5``, and their plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from evenhand.errors import UsageError, suggest
from evenhand.records.values import Floats, Ints
from evenhand.remedies.counting import class_counts
from evenhand.remedies.entries import REMEDIES
from evenhand.remedies.plan import Plan, compose
from evenhand.remedies.remedy import TUNED, Parameter, Remedy, Value

__all__ = [
    "REMEDIES",
    "RemedyPart",
    "RemedySpec",
    "canonical",
    "parse",
    "plan_for",
    "trained_part",
    "trunk_part",
    "tunings",
]

_LAYERS = tuple(part.name for part in fields(Plan))


@dataclass(frozen=True)
class RemedyPart:
    """One remedy with the parameters that differ from their defaults, sorted by name."""

    name: str
    parameters: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """Return the part as it is written in the language."""
        if not self.parameters:
            return self.name
        return f"{self.name}:{','.join(f'{name}={_spelled(value)}' for name, value in self.parameters)}"


@dataclass(frozen=True)
class RemedySpec:
    """What a text asks for, in normal form; without parts it is plain training."""

    parts: tuple[RemedyPart, ...] = ()

    def __str__(self) -> str:
        """Return the normal form as text; `parse` returns the same value for it."""
        return "+".join(map(str, self.parts)) or "none"


def parse(text: str, catalogue: Mapping[str, Remedy] = REMEDIES, *, allow_stacking: bool = False) -> RemedySpec:
    """Return what a text like ``augment:factor=2+sampler`` asks for.

    Parts are put in the order in which the loop carries them out (images added, images drawn, images altered and mixed,
    loss, last layer, correction afterwards), for their plans do not depend on the order written. Two parts that both
    add images keep the order written: the second works on what the first left.

    Parameters
    ----------
    text : str
        ``A+B`` asks for both, ``A:name=value,other=value`` sets parameters.
    catalogue : mapping of str to Remedy
        The remedies known.
    allow_stacking : bool
        Whether several parts may make up for the class counts.

    Raises
    ------
    UsageError
        When a name, a parameter or a value is wrong, or when two parts cannot be combined.
    """
    parts = [_parse_part(part.strip(), text, catalogue) for part in text.split("+")]
    acting = [part for part in parts if catalogue[part.name].layers]
    for left, right in combinations(acting, 2):
        _refuse_conflict(left.name, right.name, catalogue, allow_stacking=allow_stacking)
    return RemedySpec(tuple(sorted(acting, key=lambda part: _turn(part.name, catalogue[part.name]))))


def _turn(name: str, remedy: Remedy) -> tuple[int, str]:
    layer = remedy.layers[0].split(".")[0]
    # Only parts that add images are told apart by their order.
    return _LAYERS.index(layer), "" if layer == "synthesis" else name


def canonical(text: str, catalogue: Mapping[str, Remedy] = REMEDIES, *, allow_stacking: bool = False) -> str:
    """Return the normal form of a text, for trial keys: parameters sorted, defaults dropped, numbers spelled one way.

    Raises
    ------
    UsageError
        As in `parse`.
    """
    return str(parse(text, catalogue, allow_stacking=allow_stacking))


def plan_for(
    text: str,
    labels: Ints | Floats | NDArray[np.float64],
    n_classes: int,
    catalogue: Mapping[str, Remedy] = REMEDIES,
    *,
    allow_stacking: bool = False,
) -> Plan:
    """Return the plan that a text asks for on these labels.

    Each part plans for the class counts that the parts before it leave: in ``augment+sampler`` an epoch is as long as
    the training set with its copies. A second training sees the images themselves, and plans for them. A parameter
    that is to be tuned has its default until then, see `tunings`.

    Parameters
    ----------
    text : str
        As in `parse`.
    labels : (n,) integers in 0 to K - 1, or (n, K) floats whose rows sum to 1
        Labels of the training part; soft labels count by column sums.
    n_classes : int
        Number of classes, K.
    catalogue : mapping of str to Remedy
        The remedies known.
    allow_stacking : bool
        As in `parse`.

    Raises
    ------
    UsageError
        As in `parse`.
    DataError
        When there is no label.
    """
    original = counts = class_counts(labels, n_classes)
    plan = Plan()
    for part in parse(text, catalogue, allow_stacking=allow_stacking).parts:
        remedy = catalogue[part.name]
        said = {name: value for name, value in part.parameters if value != TUNED}
        settings = {name: parameter.default for name, parameter in remedy.parameters.items()} | said
        added = remedy.function((original if "refit" in remedy.layers else counts).copy(), **settings)
        plan = compose(plan, added)
        if added.synthesis is not None:
            counts = counts + np.asarray(added.synthesis.totals())
    return plan


# What the study makes of a text. It was read before any work began, with or without leave to stack; here all are read.


def trained_part(text: str, catalogue: Mapping[str, Remedy] = REMEDIES) -> str:
    """Return the remedy without what acts only on finished predictions: ``logit-adjust`` is trained as ``none``."""
    parts = parse(text, catalogue, allow_stacking=True).parts
    return str(RemedySpec(tuple(part for part in parts if catalogue[part.name].layers != ("post",))))


def trunk_part(text: str, catalogue: Mapping[str, Remedy] = REMEDIES) -> str:
    """Return the remedy whose training is the first of this one's: of ``augment+crt`` it is ``augment``."""
    found = []
    for part in parse(trained_part(text, catalogue), catalogue, allow_stacking=True).parts:
        first = catalogue[part.name].trunk
        if first is None:
            found.append(str(part))
        elif first != "none":
            shared = tuple(pair for pair in part.parameters if pair[0] in catalogue[first].parameters)
            found.append(str(RemedyPart(first, shared)))
    return canonical("+".join(found) or "none", catalogue, allow_stacking=True)


def tunings(text: str, catalogue: Mapping[str, Remedy] = REMEDIES) -> tuple[str, ...]:
    """Return what a text stands for: itself, or with ``tau=tuned`` one text for each value to choose among.

    The first is the one with the default, which is taken where nothing tells the values apart.
    """
    parts = parse(text, catalogue, allow_stacking=True).parts
    chosen = product(*(_choices(part, catalogue[part.name].parameters) for part in parts))
    return tuple(canonical("+".join(texts) or "none", catalogue, allow_stacking=True) for texts in chosen)


def _choices(part: RemedyPart, known: Mapping[str, Parameter]) -> list[str]:
    """Return the texts of one part with each value that a parameter to be tuned can have, its default first."""
    fixed = [(name, value) for name, value in part.parameters if value != TUNED]
    grids = []
    for name in (name for name, value in part.parameters if value == TUNED):
        usual = float(known[name].default)
        nearest_first = sorted((abs(value - usual), value) for value in known[name].grid)
        grids.append([(name, value) for _, value in nearest_first])
    return [str(RemedyPart(part.name, tuple(sorted((*fixed, *values))))) for values in product(*grids)]


def _parse_part(text: str, whole: str, catalogue: Mapping[str, Remedy]) -> RemedyPart:
    name, colon, rest = (piece.strip() for piece in text.partition(":"))
    if not name:
        raise UsageError(f"A remedy is missing in {whole!r}; write for example smote or augment+sampler.")
    if name not in catalogue:
        raise UsageError(f"There is no remedy {name!r}. {suggest(name, catalogue)}")
    known = catalogue[name].parameters
    found: dict[str, Value] = {}
    for setting in rest.split(",") if colon else ():
        key, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals or not key:
            raise UsageError(f"{setting!r} in {whole!r} sets nothing; write {name}:parameter=value.")
        if not known:
            raise UsageError(f"The remedy {name} has no parameters, so {key!r} cannot be set.")
        if key not in known:
            raise UsageError(f"The remedy {name} has no parameter {key!r}. {suggest(key, known)}")
        if key in found:
            raise UsageError(f"{name}:{key} is set twice in {whole!r}; keep one value.")
        found[key] = known[key].read(value, f"{name}:{key}")
    return RemedyPart(name, tuple(sorted((key, value) for key, value in found.items() if value != known[key].default)))


def _refuse_conflict(left: str, right: str, catalogue: Mapping[str, Remedy], *, allow_stacking: bool) -> None:
    first, second = catalogue[left], catalogue[right]
    if left == right:
        raise UsageError(f"The remedy {left} is named twice; keep it once.")
    if {left, right} == {"oversample", "undersample"}:
        raise UsageError("oversample and undersample at once is what the remedy sampler does; write sampler instead.")
    if first.corrects_prior and second.corrects_prior and not allow_stacking:
        raise UsageError(
            f"{left} and {right} both make up for the class counts; together they would correct twice and favour the "
            f"rare classes too much. Keep one of them, or allow it with --allow-stacking."
        )
    for one, other in product(first.layers, second.layers):
        nested = f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
        if nested and one != "synthesis":
            raise UsageError(f"{left} and {right} both set the {one} of the training; keep one of them.")
    for twice, topped, head in ((first, second, right), (second, first, left)):
        if "refit" in twice.layers and "head" in topped.layers:
            raise UsageError(
                f"{left} and {right} cannot be combined: the second training would put a plain last layer in place of "
                f"that of {head}. Keep one of them."
            )


def _spelled(value: Value) -> str:
    """Return the shortest text that reads back as the same value."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)
