"""The remedies by name, and the small language that asks for them: ``smote+augment``, ``class-weights:gamma=0.5``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from evenhand.errors import UsageError, suggest
from evenhand.records import Floats, Ints
from evenhand.remedies.augmenting import augment, augment_online, none, smote
from evenhand.remedies.counting import class_counts
from evenhand.remedies.margins import balanced_softmax, logit_adjust
from evenhand.remedies.plan import Plan, compose
from evenhand.remedies.remedy import Parameter, Remedy, Value
from evenhand.remedies.sampling import oversample, sampler, undersample
from evenhand.remedies.weighting import class_weights

_CROP = Parameter(4, "largest shift, in pixels per 32 pixels of side", 0, 16)
_TAU = Parameter(1.0, "strength", 0, 2)

REMEDIES: dict[str, Remedy] = {
    "none": Remedy(
        function=none,
        description="Plain training on the images as they are; the baseline that every other remedy has to beat.",
        source="reference study, experiment 1",
        sets=None,
    ),
    "augment": Remedy(
        function=augment,
        description="Adds mirrored, shifted copies of other brightness and contrast of every image before training.",
        source="Shorten and Khoshgoftaar 2019 (Journal of Big Data 6:60)",
        sets="synthesis",
        parameters={
            "factor": Parameter(1, "copies of every image", 1, 20),
            "crop": _CROP,
            "jitter": Parameter(0.2, "largest relative change of brightness and of contrast", 0, 0.9),
            "flip": Parameter("horizontal", "how half of the copies are mirrored", choices=("horizontal", "none")),
        },
    ),
    "augment-online": Remedy(
        function=augment_online,
        description="Shifts, mirrors and partly blanks every image afresh each time it is drawn.",
        source="He et al. 2016 (arXiv 1512.03385); DeVries and Taylor 2017 (arXiv 1708.04552) for cutout",
        sets="augmentation",
        parameters={
            "crop": _CROP,
            "cutout": Parameter(8, "side of the blanked square, in pixels per 32 pixels of side", 0, 32),
            "flip": Parameter(
                "horizontal", "how half of the images are mirrored", choices=("horizontal", "vertical", "both", "none")
            ),
        },
    ),
    "oversample": Remedy(
        function=oversample,
        description="Repeats rare images until every class is as large as the largest.",
        source="Japkowicz and Stephen 2002 (Intelligent Data Analysis 6:5)",
        sets="draw",
        corrects_prior=True,
    ),
    "undersample": Remedy(
        function=undersample,
        description="Uses, each epoch afresh, only as many images of each class as the smallest has.",
        source="Japkowicz and Stephen 2002 (Intelligent Data Analysis 6:5)",
        sets="draw",
        corrects_prior=True,
    ),
    "sampler": Remedy(
        function=sampler,
        description="Draws every class equally often, in an epoch of the usual length: over- and under-sampling.",
        source="Kang et al. 2020 (arXiv 1910.09217), eq. 1",
        sets="draw",
        corrects_prior=True,
        parameters={"q": Parameter(0.0, "class shares go with n_y^q: 0 balanced, 0.5 square root, 1 plain", 0, 1)},
    ),
    "class-weights": Remedy(
        function=class_weights,
        description="Makes mistakes on rare classes cost more in the loss.",
        source="King and Zeng 2001 (Political Analysis 9:137)",
        sets="loss",
        corrects_prior=True,
        parameters={
            "gamma": Parameter(1.0, "strength: 0 no weights, 1 every class weighs the same", 0, 2),
            "by": Parameter(
                "example",
                "a batch is divided by its size (example) or by the sum of its weights (class, as torch does)",
                choices=("example", "class"),
            ),
        },
    ),
    "smote": Remedy(
        function=smote,
        description="Adds synthetic images between similar images of a class until all classes are equally large.",
        source="Chawla et al. 2002 (JAIR 16:321), by imbalanced-learn",
        sets="synthesis",
        corrects_prior=True,
        parameters={"k": Parameter(5, "nearest neighbours", 1, 50)},
    ),
    "balanced-softmax": Remedy(
        function=balanced_softmax,
        description="Adds the logarithm of the class shares to the logits while training: it need not be learned.",
        source="Ren et al. 2020 (arXiv 2007.10740)",
        sets="loss",
        corrects_prior=True,
        parameters={"tau": _TAU},
    ),
    "logit-adjust": Remedy(
        function=logit_adjust,
        description="Trains plainly, then subtracts the logarithm of the class shares from the logits.",
        source="Menon et al. 2021 (arXiv 2007.07314)",
        sets="post",
        corrects_prior=True,
        parameters={"tau": _TAU},
    ),
}

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


def parse(text: str, catalogue: Mapping[str, Remedy] = REMEDIES) -> RemedySpec:
    """Return what a text like ``augment:factor=2+sampler`` asks for.

    Parts are put in the order in which the loop carries them out (images added, images drawn, images altered, loss,
    correction afterwards), for their plans do not depend on the order written. Two parts that both add images keep
    the order written: the second works on what the first left.

    Parameters
    ----------
    text : str
        ``A+B`` asks for both, ``A:name=value,other=value`` sets parameters.
    catalogue : mapping of str to Remedy
        The remedies known.

    Raises
    ------
    UsageError
        When a name, a parameter or a value is wrong, or when two parts cannot be combined.
    """
    parts = [_parse_part(part.strip(), text, catalogue) for part in text.split("+")]
    acting = [part for part in parts if catalogue[part.name].sets is not None]
    for left, right in combinations(acting, 2):
        _refuse_conflict(left.name, right.name, catalogue)
    return RemedySpec(tuple(sorted(acting, key=lambda part: _LAYERS.index(catalogue[part.name].sets or ""))))


def canonical(text: str, catalogue: Mapping[str, Remedy] = REMEDIES) -> str:
    """Return the normal form of a text, for trial keys: parameters sorted, defaults dropped, numbers spelled one way.

    Raises
    ------
    UsageError
        As in `parse`.
    """
    return str(parse(text, catalogue))


def plan_for(
    text: str,
    labels: Ints | Floats | NDArray[np.float64],
    n_classes: int,
    catalogue: Mapping[str, Remedy] = REMEDIES,
) -> Plan:
    """Return the plan that a text asks for on these labels.

    Each part plans for the class counts that the parts before it leave: in ``augment+sampler`` an epoch is as long as
    the training set with its copies.

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

    Raises
    ------
    UsageError
        As in `parse`.
    DataError
        When there is no label.
    """
    counts = class_counts(labels, n_classes)
    plan = Plan()
    for part in parse(text, catalogue).parts:
        remedy = catalogue[part.name]
        settings = {name: parameter.default for name, parameter in remedy.parameters.items()} | dict(part.parameters)
        added = remedy.function(counts.copy(), **settings)
        plan = compose(plan, added)
        if added.synthesis is not None:
            counts = counts + np.asarray(added.synthesis.totals())
    return plan


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


def _refuse_conflict(left: str, right: str, catalogue: Mapping[str, Remedy]) -> None:
    first, second = catalogue[left], catalogue[right]
    if left == right:
        raise UsageError(f"The remedy {left} is named twice; keep it once.")
    if {left, right} == {"oversample", "undersample"}:
        raise UsageError("oversample and undersample at once is what the remedy sampler does; write sampler instead.")
    if first.corrects_prior and second.corrects_prior:
        raise UsageError(
            f"{left} and {right} both make up for the class counts; together they would correct twice and favour the "
            f"rare classes too much. Keep one of them."
        )
    if first.sets == second.sets and first.sets != "synthesis":
        raise UsageError(f"{left} and {right} both set the {first.sets} of the training; keep one of them.")


def _spelled(value: Value) -> str:
    """Return the shortest text that reads back as the same value."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)
