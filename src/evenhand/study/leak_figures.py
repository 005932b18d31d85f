"""What leaks are worth, as values, as a file of the run folder, and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from evenhand.disk import read_record, write_json
from evenhand.records.values import Interval
from evenhand.study.wording import counted, points

FILE = "leakage.json"
FEW = 0.05
"""Share of leaked images below which nobody should expect to see the leak in the score of the whole."""


@dataclass(frozen=True)
class Contrast:
    """A share in [0, 1], the mean of several trainings, with the leak and without it; and the one minus the other.

    The intervals of the two come from the number of images; that of the difference counts the trainings' spread too.
    """

    leaky: Interval
    safe: Interval
    difference: Interval


@dataclass(frozen=True)
class LeakScore:
    """How well some images are named with the leak and without it."""

    n: int
    balanced_accuracy: Contrast
    """Over the classes that occur among these images."""
    accuracy: Contrast


@dataclass(frozen=True)
class Leak:
    """What one kind of leak is worth: trainings in pairs that differ in nothing else, judged on the same images."""

    images: int
    """Training images that belong to a judged one: copies, near-duplicates, or others of its group."""
    pairs: int
    epochs: int
    whole: LeakScore
    """All judged images."""
    leaked: LeakScore
    """The judged images that a training image belongs to."""
    others: LeakScore | None
    """The rest; what they gain or lose does not come from the leak. None where every judged image is leaked."""
    direct: Interval
    """What the leaked images add to the difference in balanced accuracy of the whole."""


@dataclass(frozen=True)
class Leakage:
    """What leaks into the test, and between folds that would ignore groups, are worth; None where nothing leaks."""

    model: str
    remedy: str
    tests: int
    """Test images."""
    grouped: int
    """Training images that share a group with another one."""
    test: Leak | None
    folds: Leak | None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of ``audit/leakage.json`` and of the command contract (`run`)."""
        return asdict(self) | {"notes": self.sentences()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Leakage:
        """Return what `to_json` wrote."""
        leaks = {name: _leak(data[name]) if data[name] else None for name in ("test", "folds")}
        return cls(data["model"], data["remedy"], data["tests"], data["grouped"], **leaks)

    def sentences(self) -> list[str]:
        """Return it in plain sentences."""
        return [*self.on_test(), *self.on_folds(), *self.method()]

    def on_test(self) -> list[str]:
        """Return what leaks into the test, and what that is worth."""
        if not self.tests:
            return ["There are no test images, so nothing could leak into them."]
        if not self.test:
            return [
                "No training image is a copy of a test image or shares a group with one: there is no leak into the "
                "test to measure."
            ]
        leak = self.test
        return [
            f"{counted(leak.images, 'training image belongs', 'training images belong')} to "
            f"{counted(leak.leaked.n, 'test image')}: copies, near-duplicates, or others of the same group. The final "
            f"model was trained without {'it' if leak.images == 1 else 'them'}.",
            f"Trained with {'it' if leak.images == 1 else 'them'}, as the data are split, the network {self.model} "
            f"would be credited with {_credit(leak, 'on the test images')}",
            *_parts(leak, "test images"),
        ]

    def on_folds(self) -> list[str]:
        """Return what would leak between folds that ignore groups, and what that would be worth."""
        if not self.grouped:
            return ["No two training images are copies or share a group, so folds have nothing to keep together."]
        told = [
            f"{self.grouped:,} training images have copies, near-duplicates, or others of their group among the "
            "training images; the folds of this run keep them together."
        ]
        if not self.folds:
            return [f"{told[0]} What folds that part them would add to the score was not measured."]
        return [
            *told,
            f"Folds that part them would credit the network {self.model} with {_credit(self.folds, 'out of fold')}",
            *_parts(self.folds, "training images"),
        ]

    def method(self) -> list[str]:
        """Return how it was measured, and how far it can be trusted."""
        told = [
            f"{counted(leak.pairs, 'pair')} of trainings of {counted(leak.epochs, 'epoch')} for the {which}"
            for leak, which in ((self.test, "test"), (self.folds, "folds"))
            if leak
        ]
        if not told:
            return []
        return [
            f"Measured by {' and '.join(told)}, with the remedy {self.remedy} and the labels as given; the two of a "
            "pair differ in nothing but the leak. Longer trainings learn more by heart, and a leak is worth more to "
            "them."
        ]


def _credit(leak: Leak, where: str) -> str:
    figure = leak.whole.balanced_accuracy
    return (
        f"a balanced accuracy of {_percent(figure.leaky.value)} {where} instead of "
        f"{_percent(figure.safe.value)}: {_points(figure.difference)}. {_verdict(leak)}"
    )


def _verdict(leak: Leak) -> str:
    whole, own = _sign(leak.whole.balanced_accuracy.difference), _sign(leak.direct)
    if whole and whole != own:
        return "That is more than chance, but the leaked images themselves do not account for it."
    if whole:
        return _MEANING[whole]
    if own:
        return "The interval holds 0, so the whole does not show it; the leaked images themselves do."
    few = f"; with {counted(leak.leaked.n, 'leaked image')} among {leak.whole.n:,} it could hardly be otherwise"
    return f"The interval holds 0: this cannot be told from chance{few if leak.leaked.n < FEW * leak.whole.n else ''}."


_MEANING = {
    1: "The leak flatters the score.",
    -1: "The score is lower with the leak: what leaked carries labels that mislead.",
}


def _sign(difference: Interval) -> int:
    """Return 1 or -1 where the interval lies on one side of 0, else 0."""
    return int(difference.low > 0) - int(difference.high < 0)


def _parts(leak: Leak, images: str) -> list[str]:
    """Return what the leaked images show alone and, where it is more than chance, what the others do."""
    figure, rest = leak.leaked.accuracy, leak.others and leak.others.balanced_accuracy.difference
    told = [
        f"Of the {images} concerned alone ({leak.leaked.n:,}), {_percent(figure.leaky.value)} are named as labelled "
        f"with the leak and {_percent(figure.safe.value)} without: {_points(figure.difference)}. They move the "
        f"balanced accuracy of the whole by {_points(leak.direct)}."
    ]
    if rest and _sign(rest):
        told.append(
            f"The other {images}, where nothing leaked, differ too, by {_points(rest)}: that part comes from training "
            "on other images, not from the leak."
        )
    return told


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(value: Interval) -> str:
    return points(value, "95 % interval")


def write_leakage(folder: Path, leakage: Leakage) -> None:
    """Write ``leakage.json`` into the audit's folder."""
    write_json(folder / FILE, leakage.to_json())


def read_leakage(folder: Path) -> Leakage | None:
    """Return what `write_leakage` wrote; None where it was not measured.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(folder / FILE, Leakage.from_json)


def _leak(data: dict[str, Any]) -> Leak:
    scores = {name: _score(data[name]) if data[name] else None for name in ("whole", "leaked", "others")}
    return Leak(**data | scores | {"direct": Interval(**data["direct"])})


def _score(data: dict[str, Any]) -> LeakScore:
    contrasts = {
        name: Contrast(**{part.name: Interval(**data[name][part.name]) for part in fields(Contrast)})
        for name in ("balanced_accuracy", "accuracy")
    }
    return LeakScore(n=data["n"], **contrasts)
