"""The data as the page shows them: counts, samples, files that could not be taken, copies, suspects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from evenhand.data.manifest import SPLITS, Manifest
from evenhand.records.audit import Audit, Duplicate, LabelIssue, OddImage
from evenhand.reporting.charts import Scale, axis, bar, scale
from evenhand.reporting.faults import LEAST_PAIR
from evenhand.reporting.words import clipped, number, percent, points
from evenhand.study.leak_figures import Contrast, Leak, Leakage

SAMPLED_CLASSES = 40
"""Classes of which sample pictures are shown."""
MOST_FILES = 200
"""Rows of the table of files that could not be taken."""
SIDE_BY_SIDE = 4
"""Pictures of a group of near-duplicates that are shown beside each other."""


@dataclass(frozen=True)
class CountRow:
    """Images of one class in each split, and their bar."""

    label: str
    counts: tuple[int, ...]
    share: float
    """Of the training images."""
    chart: Markup


@dataclass(frozen=True)
class Counts:
    """The class counts; `splits` are those that hold images."""

    splits: tuple[str, ...]
    rows: tuple[CountRow, ...]
    totals: tuple[int, ...]
    axis: Markup


def class_counts(audit: Audit) -> Counts:
    """Return the class counts of every split that holds images, bars showing the training images."""
    splits = tuple(split for split in SPLITS if sum(audit.counts.get(split, {}).values())) or ("train",)
    training = audit.counts["train"]
    total = max(1, sum(training.values()))
    reach = count_scale(training.values())
    rows = tuple(
        CountRow(
            label,
            tuple(audit.counts[split][label] for split in splits),
            training[label] / total,
            bar(training[label], reach, f"{clipped(label)}: {number(training[label])} training images"),
        )
        for label in audit.classes
    )
    totals = tuple(sum(audit.counts[split].values()) for split in splits)
    return Counts(splits, rows, totals, axis(reach, lambda tick: f"{tick:,.0f}"))


@dataclass(frozen=True)
class PairRow:
    """Images estimated to carry the label `given` and to show `true`."""

    given: str
    true: str
    value: str
    chart: Markup


@dataclass(frozen=True)
class Pairs:
    """The pairs of classes whose labels are mixed up, most frequent first."""

    rows: tuple[PairRow, ...]
    axis: Markup


def pair_counts(audit: Audit, most: int = 10) -> Pairs:
    """Return the pairs of which at least half an image is estimated; at most `most`."""
    pairs = [pair for pair in audit.pairs if pair.estimated >= LEAST_PAIR][:most]
    reach = count_scale(pair.estimated for pair in pairs)
    rows = tuple(
        PairRow(
            pair.given,
            pair.true,
            number(pair.estimated),
            bar(
                pair.estimated,
                reach,
                f"about {number(pair.estimated)} of {clipped(pair.true)} filed as {clipped(pair.given)}",
                kind="wrong",
            ),
        )
        for pair in pairs
    )
    return Pairs(rows, axis(reach, lambda tick: f"{tick:,.0f}"))


def count_scale(counts: Iterable[float]) -> Scale:
    """Return the axis for counts: from zero to the largest of them."""
    most = max(counts, default=0) or 1
    ticks = scale(0.0, most, 4).ticks
    # There is no half an image: where the ticks lie closer than one, only the whole ones are kept.
    return Scale(0.0, most, tuple(tick for tick in ticks if tick <= most and tick == round(tick)))


def samples(manifest: Manifest, a_class: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return (class, rows of some of its training images) for up to `SAMPLED_CLASSES` classes.

    The rows are drawn with a fixed seed. Of more classes, half of those shown are the largest, half the smallest.
    """
    rows = manifest.where("train")
    order = np.random.default_rng(0).permutation(rows)
    given = manifest.given[order]
    counts = np.bincount(given, minlength=len(manifest.classes))
    found = []
    for place in _sampled(counts):
        mine = order[np.flatnonzero(given == place)[:a_class]]
        found.append((manifest.classes[place], tuple(sorted(int(row) for row in mine))))
    return found


def _sampled(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[int]:
    if len(counts) <= SAMPLED_CLASSES:
        return list(range(len(counts)))
    order = np.argsort(-counts, kind="stable")
    half = SAMPLED_CLASSES // 2
    return sorted(int(place) for place in [*order[:half], *order[-half:]])


@dataclass(frozen=True)
class Suspect:
    """An image whose label is doubted, and its row in the manifest."""

    row: int
    issue: LabelIssue


@dataclass(frozen=True)
class Copies:
    """Images that show the same picture: each of its looks once, and every place where it lies."""

    rows: tuple[int, ...]
    """One row where all have the same pixels, else up to `SIDE_BY_SIDE` of different ones."""
    members: tuple[Duplicate, ...]
    conflict: bool
    leaked: bool
    near: bool


@dataclass(frozen=True)
class Oddity:
    """An odd image and its row in the manifest."""

    row: int
    image: OddImage


def oddities(manifest: Manifest, audit: Audit, most: int) -> tuple[Oddity, ...]:
    """Return the oddest images with their rows; at most `most`."""
    wanted = audit.odd[:most]
    places = _places(manifest, {(image.split, image.path) for image in wanted})
    return tuple(
        Oddity(places[image.split, image.path], image) for image in wanted if (image.split, image.path) in places
    )


def suspects(manifest: Manifest, audit: Audit, most: int) -> tuple[Suspect, ...]:
    """Return the worst of the flagged images with their rows."""
    wanted = audit.flagged[:most]
    places = _places(manifest, {("train", issue.path) for issue in wanted})
    return tuple(Suspect(places["train", issue.path], issue) for issue in wanted if ("train", issue.path) in places)


def copies(manifest: Manifest, audit: Audit, most: int) -> tuple[Copies, ...]:
    """Return the first `most` groups of images that show the same picture: contradictions first, then leaks."""
    groups: dict[int, list[Duplicate]] = {}
    for row in audit.duplicates:
        groups.setdefault(row.group, []).append(row)
    chosen = sorted(groups.values(), key=lambda group: (not group[0].conflict, not any(m.leaked for m in group)))[:most]
    places = _places(manifest, {(member.split, member.path) for group in chosen for member in group})
    return tuple(
        Copies(
            _different(manifest, group, places),
            tuple(group),
            group[0].conflict,
            any(member.leaked for member in group),
            any(member.kind == "near" for member in group),
        )
        for group in chosen
    )


@dataclass(frozen=True)
class LeakRow:
    """How well some images are named with the leak and without it; figures as people read them."""

    images: str
    figure: str
    leaky: str
    safe: str
    difference: str
    reach: str


@dataclass(frozen=True)
class LeakView:
    """What one kind of leak is worth: sentences, and a table where something leaks."""

    title: str
    lines: tuple[Markup, ...]
    rows: tuple[LeakRow, ...]


def leak_views(leakage: Leakage | None) -> tuple[LeakView, ...]:
    """Return what is said of leaks into the test, and between folds; nothing where it was not measured."""
    if leakage is None:
        return ()
    return (
        LeakView("Into the test", _typeset(leakage.on_test()), _leak_rows(leakage.test, "test images")),
        LeakView("Between folds", _typeset(leakage.on_folds()), _leak_rows(leakage.folds, "held-out images")),
    )


def leak_method(leakage: Leakage | None) -> tuple[Markup, ...]:
    """Return how it was measured what leaks are worth."""
    return _typeset(leakage.method()) if leakage else ()


def _leak_rows(leak: Leak | None, images: str) -> tuple[LeakRow, ...]:
    if leak is None:
        return ()
    rows = [
        _leak_row(f"All {number(leak.whole.n)} {images}", "balanced accuracy", leak.whole.balanced_accuracy),
        _leak_row("The same", "accuracy", leak.whole.accuracy),
        _leak_row(f"The {number(leak.leaked.n)} that leak", "accuracy", leak.leaked.accuracy),
    ]
    if leak.others:
        rest = leak.others.balanced_accuracy
        rows.append(_leak_row(f"The other {number(leak.others.n)}", "balanced accuracy", rest))
    return tuple(rows)


def _leak_row(images: str, figure: str, contrast: Contrast) -> LeakRow:
    difference = contrast.difference
    return LeakRow(
        images,
        figure,
        percent(contrast.leaky.value),
        percent(contrast.safe.value),
        points(difference.value),
        f"{points(difference.low)} to {points(difference.high)}",
    )


def _typeset(lines: Iterable[str]) -> tuple[Markup, ...]:
    """Return plain sentences as this page sets them: unbreakable spaces before per cent signs, real minus signs."""
    return tuple(escape(re.sub(r"(?<=[ (])-(?=\d)", "\u2212", line.replace(" %", "\u00a0%"))) for line in lines)


def _different(manifest: Manifest, group: list[Duplicate], places: dict[tuple[str, str], int]) -> tuple[int, ...]:
    """Return the first row of each different image of a group; of one kind of pixels there is one."""
    looks: dict[str, int] = {}
    for member in group:
        row = places.get((member.split, member.path))
        if row is not None:
            looks.setdefault(manifest.pixel_sha256[row], row)
    near = any(member.kind == "near" for member in group)
    return tuple(looks.values())[: SIDE_BY_SIDE if near else 1]


def _places(manifest: Manifest, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the manifest rows of some (split, path)."""
    paths = {path for _, path in wanted}
    return {
        place: row
        for row, path in enumerate(manifest.paths)
        if path in paths and (place := (str(manifest.split[row]), path)) in wanted
    }
