"""Made-up runs for the tests of the report: lopsided classes, wrong labels, copies, results; and a reader of pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evenhand.data.manifest import Dataset, Manifest
from evenhand.evaluation.metrics import evaluate
from evenhand.records.audit import Audit, ConfusedPair, Decided, Duplicate, Finding, LabelIssue
from evenhand.records.comparison import Choice, Curve, RemedyResult
from evenhand.records.evaluation import TestResult
from evenhand.records.reproduce import Reproduce
from evenhand.records.values import Floats, Interval, Ints
from evenhand.reporting.content import FinalModel, ReportData, Reviewed
from evenhand.study.leak_figures import Contrast, Leak, Leakage, LeakScore
from evenhand.study.next_steps import ClassCurve, Gain, Larger, Point, Reach, Settle, WhatNext

CLASSES = ("Cars", "Trucks", "Cats")
REMEDIES = (
    ("sampler", "drop", 0.9),
    ("balanced-softmax", "drop", 0.88),
    ("class-weights", "none", 0.8),
    ("none", "none", 0.7),
)
_COLOURS = np.array([[200, 60, 50], [50, 90, 200], [230, 200, 60], [60, 160, 90], [150, 80, 170]], dtype=np.float64)


def pixels(labels: Ints, side: tuple[int, int], seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return noisy pictures of one bar each: its colour and place tell the class."""
    random = np.random.default_rng(seed)
    height, width = side
    made = random.integers(0, 90, (len(labels), height, width, 3)).astype(np.float64) + 60
    for place, label in enumerate(labels):
        first = (int(label) * width // 7) % max(1, width // 2)
        made[place, height // 4 : 3 * height // 4, first : first + width // 2] += 0.6 * _COLOURS[label % 5] - 40
    return np.clip(made, 0, 255).astype(np.uint8)


def manifest(classes: Sequence[str], train: Sequence[int], test: Sequence[int]) -> Manifest:
    """Return a manifest with these counts a class; every tenth image of the first class is filed wrongly."""
    given = np.concatenate([np.repeat(np.arange(len(classes)), counts) for counts in (train, test)]).astype(np.int64)
    split = np.array(["train"] * sum(train) + ["test"] * sum(test))
    names = tuple(f"{split[row]}/{classes[given[row]]}/{row:05d}.png" for row in range(len(given)))
    hashes = tuple(f"{row:064x}" for row in range(len(given)))
    return Manifest(
        tuple(classes), names, hashes, hashes, split, given, given.copy(), np.arange(len(given), dtype=np.int64)
    )


def probabilities(labels: Ints, k: int, quality: float, seed: int) -> Floats:
    """Return probabilities that name the label about as often as `quality` says, and the next class otherwise."""
    random = np.random.default_rng(seed)
    right = random.random(len(labels)) < quality
    called = np.where(right, labels, (labels + 1 + random.integers(0, max(1, k - 1), len(labels))) % k)
    made = random.random((len(labels), k)) * 0.2 + 0.02
    made[np.arange(len(labels)), called] += random.random(len(labels)) * 2 + 0.3
    return (made / made.sum(axis=1, keepdims=True)).astype(np.float32)


def curve(seed: int, epochs: int = 8, steps: int = 40) -> Curve:
    """Return a loss curve that falls, with noise a step."""
    random = np.random.default_rng(seed)
    loss = 1.1 * np.exp(-np.arange(epochs * steps) / (2.0 * steps)) + 0.2
    noisy = loss * random.uniform(0.7, 1.4, len(loss))
    return Curve(
        tuple(float(value) for value in noisy),
        tuple(float(part.mean()) for part in np.split(noisy, epochs)),
        tuple(float(part.mean() + 0.05) for part in np.split(loss, epochs)),
    )


def result(
    listing: Manifest, remedy: str, repair: str, quality: float, seed: int, model: str = "simple"
) -> RemedyResult:
    """Return a row of the leaderboard of about this quality."""
    rows = listing.where("train")
    labels = listing.given[rows]
    found = probabilities(labels, len(listing.classes), quality, seed)
    evaluation = evaluate(labels, found, listing.classes, resamples=50)
    middle = evaluation.balanced_accuracy.value
    counts = np.bincount(labels, minlength=len(listing.classes))
    trained = counts if remedy == "none" else np.full(len(counts), counts.sum() // len(counts))
    fold = np.arange(len(rows)) % 4
    called = found.argmax(axis=1)
    return RemedyResult(
        remedy,
        repair,
        model,
        evaluation,
        found,
        rows,
        tuple(int(count) for count in trained),
        curve(seed),
        (f"{remedy}, {repair}",),
        max(0.0, middle - 0.04),
        min(1.0, middle + 0.04),
        by_fold=tuple(_balanced(labels[fold == part], called[fold == part]) for part in range(4)),
    )


def _balanced(labels: Ints, called: Ints) -> float:
    return float(np.mean([(called[labels == label] == label).mean() for label in np.unique(labels)]))


def with_expected(data: ReportData) -> ReportData:
    """Return a run whose candidates are judged by the figure expected on the true labels, a little above the given."""
    rows = []
    for row in data.results:
        value = min(1.0, row.evaluation.balanced_accuracy.value + 0.05)
        rows.append(replace(row, expected=Interval(value, value - 0.03, min(1.0, value + 0.03))))
    return replace(data, results=tuple(rows))


def audit(listing: Manifest, wrong: float | None = 41.0) -> Audit:
    """Return an audit that finds every tenth training image of the first class to be of the last one."""
    classes = listing.classes
    rows = listing.where("train")
    doubted = rows[listing.given[rows] == 0][::10]
    issues = tuple(
        LabelIssue(listing.paths[row], classes[0], classes[-1], 0.99 - 0.4 * place / max(1, len(doubted)), True)
        for place, row in enumerate(doubted)
    ) + tuple(
        LabelIssue(listing.paths[row], classes[listing.given[row]], classes[-1], 0.02, False)
        for row in rows
        if row not in doubted
    )
    copied = [int(rows[0]), int(rows[-1]), int(rows[1]), int(rows[2])]
    copies = tuple(
        Duplicate(1 + place // 2, listing.paths[row], "train", classes[listing.given[row]], place < 2, False)
        for place, row in enumerate(copied)
    )
    return Audit(
        classes=classes,
        counts={split: listing.counts(split) for split in ("train", "val", "test")},
        findings=tuple(
            Finding(f"train/{classes[0]}/broken{number}.png", "truncated", "the image is damaged: it ends too early")
            for number in range(12)
        ),
        duplicates=copies,
        issues=issues if wrong is not None else (),
        wrong_labels=Interval(wrong, wrong * 0.9, wrong * 1.1) if wrong is not None else None,
        pairs=(
            ConfusedPair(classes[0], classes[-1], wrong * 0.95, wrong * 0.85, wrong * 1.05),
            ConfusedPair(classes[1], classes[0], wrong * 0.04, 0.0, wrong * 0.1),
        )
        if wrong is not None
        else (),
        notes=("All images have 32x32 pixels (height x width).",),
    )


def leakage() -> Leakage:
    """Return leaks of which that into the test matters, and that between folds cannot be told from chance."""

    def around(value: float, reach: float) -> Interval:
        return Interval(value, value - reach, value + reach)

    def score(n: int, leaky: float, safe: float) -> LeakScore:
        pair = Contrast(around(leaky, 0.03), around(safe, 0.03), around(leaky - safe, 0.02))
        return LeakScore(n, pair, pair)

    into = Leak(
        images=12,
        pairs=2,
        epochs=8,
        whole=score(100, 0.75, 0.71),
        leaked=score(12, 0.96, 0.6),
        others=score(88, 0.7, 0.71),
        direct=around(0.04, 0.01),
    )
    between = replace(into, whole=score(510, 0.71, 0.7), others=None, direct=around(0.01, 0.02))
    return Leakage("simple", "balanced-softmax", 100, 24, into, between)


def what_next() -> WhatNext:
    """Return steps of which settling is worth most, a class cannot be told from nothing, and a network is unknown."""

    def around(value: float, reach: float) -> Interval:
        return Interval(value, value - reach, value + reach)

    def curve(name: str, images: int, value: float, reach: float) -> ClassCurve:
        sizes = [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0]
        course = tuple(
            Reach(
                round(images * size),
                0.8 + value * (1 - size**-0.5),
                0.79 + value * (1 - size**-0.5) - reach * max(0.0, size - 1),
                0.81 + value * (1 - size**-0.5) + reach * max(0.0, size - 1),
            )
            for size in sizes
        )
        points = tuple(Point(reach.images, reach.value, 0.7 if name else None) for reach in course[:5:2])
        gains = tuple(
            Gain(
                factor,
                round(images * (factor - 1)),
                around(part * value, reach),
                around(value, reach) if name else None,
                0.001,
            )
            for factor, part in ((1.5, 0.6), (2.0, 1.0))
        )
        return ClassCurve(name, images, points, course, gains)

    return WhatNext(
        figure="expected balanced accuracy",
        network="simple",
        remedy="sampler",
        repair="drop",
        trainings=24,
        repetitions=3,
        curves=(curve("", 510, 0.03, 0.02), curve("Cats", 30, 0.02, 0.02), curve("Trucks", 60, 0.015, 0.01)),
        unmeasured=("Cars",),
        settle=Settle(
            suspects=310,
            wrong=290.0,
            elsewhere=around(120, 60),
            repair="drop",
            measured=around(0.03, 0.01),
            in_hand=True,
            back={"Cats": 288, "Cars": 22},
            returned=around(0.05, 0.02),
            gain=around(0.05, 0.02),
        ),
        larger=Larger("simple", "resnet", "resnet", around(0.06, 0.02), 3),
    )


def report_data(
    classes: Sequence[str] = CLASSES,
    train: Sequence[int] = (420, 60, 30),
    test: Sequence[int] = (50, 30, 20),
    side: tuple[int, int] = (32, 32),
    remedies: Sequence[tuple[str, str, float]] = REMEDIES,
    **changes: Any,
) -> ReportData:
    """Return all of a finished run: four candidates, the second tied with the first, and a test set."""
    listing = manifest(classes, train, test)
    results = sorted(
        (result(listing, remedy, repair, quality, seed) for seed, (remedy, repair, quality) in enumerate(remedies)),
        key=lambda row: -row.evaluation.balanced_accuracy.value,
    )
    best = results[0]
    rows = listing.where("test")
    tested = None
    if len(rows):
        found = probabilities(listing.given[rows], len(classes), 0.92, 99)
        tested = TestResult(evaluate(listing.given[rows], found, classes, resamples=50), found, rows)
    data = ReportData(
        title="car-truck-cat",
        dataset=Dataset(listing, pixels(listing.given, side)),
        audit=audit(listing),
        results=tuple(results),
        choice=Choice(
            best.remedy,
            best.repair,
            best.model,
            f"It has the highest out-of-fold balanced accuracy, {best.evaluation.balanced_accuracy.value:.3f}, of "
            f"{len(results)} candidates.",
            tuple(row.name for row in results[1:2]),
        ),
        test=tested,
        nested=results[0].evaluation,
        reproduce=Reproduce(
            "evenhand run data/car-truck-cat/train --test data/car-truck-cat/clean",
            {"evenhand": "0.1.0", "numpy": "2.0", "torch": "2.13.0"},
            {"preset": "standard", "seed": 0, "trust": 0.5, "refit": "train"},
        ),
        folds=4,
        held_out=4,
        model=FinalModel("resnet", 2, 24, "train"),
        leakage=leakage(),
    )
    return replace(data, **changes)


BEFORE_AND_AFTER = (
    ("sampler", "drop", 0.9),
    ("sampler", "none", 0.8),
    ("none", "drop", 0.75),
    ("none", "none", 0.7),
    ("none", "relabel", 0.72),
)


def edited(**changes: Any) -> ReportData:
    """Return a run with edits, on a corrected test, whose remedies were judged with repairs, and reviewed since."""
    data = with_expected(report_data(remedies=BEFORE_AND_AFTER))
    assert data.test
    listing, rows = data.dataset.manifest, data.test.indices
    corrected = listing.corrected.copy()
    corrected[rows[:3]] = 2
    tested = evaluate(corrected[rows], data.test.probabilities, CLASSES, resamples=50)
    data = replace(
        data,
        dataset=replace(data.dataset, manifest=replace(listing, corrected=corrected)),
        test=replace(data.test, corrected=tested),
        decided=Decided(changed=5, kept=4, excluded=2, changed_apart=3),
        relabelled=(("Cars", "Cats", 4), ("Trucks", "Cars", 1)),
        reviewed=Reviewed(Decided(changed=9, kept=2, excluded=1), suspects=10, confirmed=9),
    )
    return replace(data, **changes)


def audit_only(**changes: Any) -> ReportData:
    """Return what `evenhand audit` leaves: no results, no choice, no model."""
    return replace(
        report_data(),
        results=(),
        choice=None,
        test=None,
        nested=None,
        model=None,
        leakage=None,
        folds=0,
        held_out=0,
        **changes,
    )


VOID = {"meta", "link", "br", "line", "rect", "circle", "polyline", "polygon", "wbr", "img"}


@dataclass
class Node:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child

    def all(self, tag: str, **attributes: str) -> list[Node]:
        """Return all elements of this name with these attributes, in order."""
        return [
            node
            for node in self
            if node.tag == tag and all(node.attributes.get(key) == value for key, value in attributes.items())
        ]

    def of_class(self, name: str) -> list[Node]:
        return [node for node in self if name in node.attributes.get("class", "").split()]

    def inside(self, *tags: str) -> Node | None:
        """Return the nearest element around this one with one of these names."""
        node = self.parent
        while node and node.tag not in tags:
            node = node.parent
        return node

    @property
    def text(self) -> str:
        """All words of this element, those of style and script left out."""
        own = "" if self.tag in ("style", "script") else " ".join(self.words)
        return " ".join(" ".join([own, *(child.text for child in self.children)]).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root", {}, None)
        self.here = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len({name for name, _ in attrs}), f"<{tag}> has an attribute twice: {attrs}"
        node = Node(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(node)
        if tag not in VOID:
            self.here = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.words.append(data)


def read_page(page: bytes) -> Node:
    """Return the root of a page; every element that is opened must be closed in its turn."""
    reader = _Reader()
    reader.feed(page.decode())
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.tag}> is never closed"
    return reader.root


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The functions of this file: each test builds the run it needs."""
    return sys.modules[__name__]
