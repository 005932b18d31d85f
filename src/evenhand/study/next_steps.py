"""What more pictures, settled suspects or a larger network would bring: as values, as a file of the run, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evenhand.disk import read_record, write_json
from evenhand.records.values import Interval
from evenhand.study.learning_curves import LIMIT
from evenhand.study.wording import counted, points

FILE = "what_next.json"
LITTLE = 0.01
"""What could bring less than this, a point of balanced accuracy, is not worth anybody's afternoon."""
LEVEL = 0.025
"""Chance, at most, that some curve of a study promises what is not there."""
MOST_TOLD = 4
"""Sets of more pictures that the verdict speaks of."""


@dataclass(frozen=True)
class Point:
    """What was measured on a number of pictures: shares in [0, 1], means over the trainings."""

    images: int
    score: float
    """Balanced accuracy."""
    recall: float | None
    """Of the class itself; None for all classes together."""


@dataclass(frozen=True)
class Reach:
    """The fitted curve of balanced accuracy at a number of pictures, with its 95 % interval."""

    images: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What more pictures would bring, as differences of shares."""

    factor: float
    """Times the present pictures."""
    images: int
    """How many more that are."""
    score: Interval
    """Of balanced accuracy."""
    recall: Interval | None
    """Of the class's own recall."""
    doubt: float
    """Probability that balanced accuracy would gain nothing."""


@dataclass(frozen=True)
class ClassCurve:
    """The learning curve of a class: only its pictures are made fewer. `name` is empty for all classes together."""

    name: str
    images: int
    """Pictures that are trained on at present, as the repair leaves them."""
    points: tuple[Point, ...]
    course: tuple[Reach, ...]
    gains: tuple[Gain, ...]

    @property
    def doubled(self) -> Gain:
        """The gain of as many pictures as the curve is followed to."""
        return self.gains[-1]


@dataclass(frozen=True)
class Settle:
    """What settling the suspects by hand would bring."""

    suspects: int
    wrong: float
    """How many of them are expected to be labelled wrongly."""
    elsewhere: Interval | None
    """Wrong labels that are estimated among the other pictures: no suspect points at them."""
    repair: str
    """The repair that was judged beside none; empty where there was none."""
    measured: Interval | None
    """What that repair brings to the chosen remedy; None where it was not measured."""
    in_hand: bool
    """Whether the chosen candidate has that repair already."""
    back: dict[str, int]
    """Pictures that training would win, by their likely class: left out by the repair, or filed elsewhere."""
    returned: Interval | None
    """What these pictures are worth by the learning curves; None where no curve tells."""
    gain: Interval | None
    """All that is still to be had; None where it cannot be told."""


@dataclass(frozen=True)
class Larger:
    """What the step from the smaller network of the comparison to the larger one brought."""

    small: str
    large: str
    """Empty where only one network was judged."""
    chosen: str
    gain: Interval | None
    """The larger minus the smaller one, over the candidates that both were judged with."""
    candidates: int


@dataclass(frozen=True)
class Step:
    """Something to do next, and what it would bring; `gain` is None where that cannot be told."""

    kind: str
    """"label", "collect" or "network"."""
    words: str
    gain: Interval | None
    many: bool = False
    """Whether the words are a plural."""
    luck: bool = False
    """Whether the best of so many curves may look like this by chance, though its own interval lies above 0."""

    @property
    def clear(self) -> bool:
        """Whether it would surely bring something, and that is worth the name."""
        return self.gain is not None and self.gain.low > 0 and self.gain.value >= LITTLE / 2 and not self.luck

    @property
    def idle(self) -> bool:
        """Whether it would surely bring little."""
        return self.gain is not None and self.gain.high < LITTLE


@dataclass(frozen=True)
class WhatNext:
    """Whether to label, to collect, or to stop."""

    figure: str
    """What the scores are: "balanced accuracy", or the "expected balanced accuracy" on the true labels."""
    network: str
    remedy: str
    repair: str
    trainings: int
    """On fewer pictures, done for the curves alone."""
    repetitions: int
    """Trainings behind each point."""
    curves: tuple[ClassCurve, ...]
    """All classes together first, then single classes, the rarest first."""
    unmeasured: tuple[str, ...]
    """Classes without a curve."""
    settle: Settle
    larger: Larger

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of ``what_next.json`` and of the command contract (`run`, `compare`)."""
        return asdict(self) | {"verdict": self.verdict(), "notes": self.sentences(), "limit": LIMIT}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WhatNext:
        """Return what `to_json` wrote."""
        own = {name: data[name] for name in cls.__dataclass_fields__}
        settle, larger = data["settle"], data["larger"]
        ends = {name: _read(settle[name]) for name in ("elsewhere", "measured", "returned", "gain")}
        return cls(
            **own
            | {
                "curves": tuple(_curve(one) for one in data["curves"]),
                "unmeasured": tuple(data["unmeasured"]),
                "settle": Settle(**settle | ends),
                "larger": Larger(**larger | {"gain": _read(larger["gain"])}),
            }
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything that could be done next: settle, collect of each class, collect of all, a larger network."""
        found = []
        if self.settle.suspects:
            found.append(Step("label", f"settling the {counted(self.settle.suspects, 'suspect')}", self.settle.gain))
        whole = [curve for curve in self.curves if not curve.name]
        for curve in [*(curve for curve in self.curves if curve.name), *whole]:
            more = counted(curve.doubled.images, "more picture")
            of = f"of {curve.name}" if curve.name else "of all classes in their present shares"
            # By Bonferroni: of many curves some look good by chance, and the best of them is looked at first.
            luck = curve.doubled.doubt * len(self.curves) > LEVEL
            many = curve.doubled.images != 1
            found.append(Step("collect", f"{more} {of}", curve.doubled.score, many=many, luck=luck))
        found.append(Step("network", self._larger(), self._of_larger()))
        return tuple(found)

    def _larger(self) -> str:
        tried = self.larger.large or self.larger.small
        if self.larger.large and self.larger.chosen != self.larger.large:
            return f"the larger network {tried}"
        return f"a network larger than {tried}"

    def _of_larger(self) -> Interval | None:
        """Return what a larger network would bring; nobody knows of one larger than the largest that was tried."""
        return self.larger.gain if self.larger.large and self.larger.chosen != self.larger.large else None

    def verdict(self) -> str:
        """Return in one sentence what to do next, and what each thing would bring."""
        single = [step for step in self.steps if step.kind == "collect"]
        # Of many classes those that more pictures would help most; all of them stand in the table.
        best = sorted(single, key=lambda step: -step.gain.value if step.gain else 0.0)[:MOST_TOLD]
        told = [step for step in self.steps if step.kind != "collect" or step in best]
        return f"{self.advice()}: {'; '.join(_of_step(step) for step in told)}."

    def advice(self) -> str:
        """Return what to do next in a word or two: label first, collect first, stop, or that it cannot be told."""
        best = self._best()
        if best:
            return {"label": "Label first", "collect": "Collect first", "network": "Take the larger network"}[best.kind]
        known = [step for step in self.steps if step.gain]
        if known and all(step.idle for step in known):
            return "Stop here, or change something else"
        return "It cannot be told what would help"

    def short(self) -> str:
        """Return the advice with the one step that it is about, without a full stop."""
        best = self._best()
        return f"{self.advice()}: {_of_step(best)}" if best else self.advice()

    def _best(self) -> Step | None:
        """Return the step that would surely bring most; None where none surely brings anything."""
        clear = [step for step in self.steps if step.clear]
        best = max(clear, key=lambda step: step.gain.value if step.gain else 0.0, default=None)
        label = next((step for step in clear if step.kind == "label"), None)
        # Deciding on a picture takes a second, finding a new one more: where both may be worth the same, label.
        if best and label and label.gain and best.gain and label.gain.high >= best.gain.value:
            return label
        return best

    def sentences(self) -> list[str]:
        """Return all of it in plain sentences."""
        return [self.verdict(), *self.on_labels(), *self.on_network(), *self.method()]

    def on_labels(self) -> Iterator[str]:
        """Yield what is known of the suspects."""
        settle = self.settle
        if not settle.suspects:
            yield "No label is suspected, so there is none to settle."
            return
        yield (
            f"Of {counted(settle.suspects, 'suspect')}, about {settle.wrong:,.0f} are expected to have a wrong label."
        )
        if settle.measured and settle.in_hand:
            yield (
                f"What the repair ({settle.repair}) makes of them has brought {points(settle.measured)} already; that "
                "is in the figures of this run and not counted again."
            )
        elif settle.measured:
            yield f"Repaired without anybody's help ({settle.repair}), they bring {points(settle.measured)}."
        else:
            yield "The chosen remedy was not judged both with and without a repair, so what they cost is not known."
        if settle.back:
            won = ", ".join(f"{count:,} of {name}" for name, count in settle.back.items())
            worth = f"by the learning curves {points(settle.returned)}" if settle.returned else "how much is not known"
            yield f"Settled, they would give training about {won}: {worth}."
        if settle.elsewhere and settle.elsewhere.value >= 1:
            low, high = settle.elsewhere.low, settle.elsewhere.high
            yield (
                f"About {settle.elsewhere.value:,.0f} more wrong labels ({low:,.0f} to {high:,.0f}) are estimated "
                "among pictures that are no suspects; settling the suspects leaves them."
            )

    def on_network(self) -> Iterator[str]:
        """Yield what is known of larger networks."""
        larger = self.larger
        if not larger.large:
            yield f"Only the network {larger.small} was judged, so what a larger one would bring cannot be told."
            return
        if larger.gain is None:
            yield f"{larger.large} and {larger.small} were not judged in pairs, so how they differ cannot be told."
            return
        step = (
            f"From {larger.small} to the larger {larger.large}, each with its own recipe, it is {points(larger.gain)} "
            f"over {counted(larger.candidates, 'candidate')}."
        )
        if larger.chosen != larger.large:
            yield step
        elif larger.gain.low > 0:
            yield f"{step} Whether a still larger one would go on like that was not tried."
        else:
            yield f"{step} That is no sign that a still larger one would help."

    def method(self) -> Iterator[str]:
        """Yield how it was measured, and how far it can be trusted."""
        if not self.curves:
            yield "No learning curve was drawn: it takes at least two folds that are held out."
            return
        yield (
            f"Learning curves: {counted(self.trainings, 'training')} of the network {self.network} with the chosen "
            f"remedy on parts of the training pictures, {counted(self.repetitions, 'repetition')} a point, each as "
            f"long as on all of them. A curve is followed to {LIMIT:g} times the present pictures and no further."
        )
        yield "New pictures are taken to be like the present ones, and labelled as well."
        if self.network != self.larger.chosen:
            yield f"To the network that was chosen, {self.larger.chosen}, they may be worth less or more."
        if self.unmeasured:
            listed = ", ".join(self.unmeasured[:5]) + (
                f" and {len(self.unmeasured) - 5:,} others" if len(self.unmeasured) > 5 else ""
            )
            yield f"Not measured one by one, to keep it cheap or for want of pictures: {listed}."


def _of_step(step: Step) -> str:
    if step.gain is None:
        return f"{step.words}: cannot be told"
    if step.clear:
        return f"{step.words} {'are' if step.many else 'is'} worth about {points(step.gain)}"
    if step.idle:
        return f"{step.words}: less than a point, {points(step.gain)}"
    if step.gain.low > 0:
        return f"{step.words}: {points(step.gain)}, which among so many curves may be chance"
    return f"{step.words}: {points(step.gain)}, which cannot be told from nothing"


def write_what_next(run: Path, found: WhatNext) -> None:
    """Write ``what_next.json`` into the run folder."""
    write_json(run / FILE, found.to_json())


def read_what_next(run: Path) -> WhatNext | None:
    """Return what `write_what_next` wrote; None where it was not measured.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(run / FILE, WhatNext.from_json)


def _read(data: dict[str, float] | None) -> Interval | None:
    return Interval(**data) if data else None


def _curve(data: dict[str, Any]) -> ClassCurve:
    gains: Sequence[dict[str, Any]] = data["gains"]
    return ClassCurve(
        name=data["name"],
        images=data["images"],
        points=tuple(Point(**one) for one in data["points"]),
        course=tuple(Reach(**one) for one in data["course"]),
        gains=tuple(Gain(**one | {"score": Interval(**one["score"]), "recall": _read(one["recall"])}) for one in gains),
    )
