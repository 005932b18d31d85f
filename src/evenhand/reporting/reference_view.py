"""A replay of the reference study as its page shows it: tables and charts, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.records.audit import Audit
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval
from evenhand.reporting.charts import Scale, axis, bar, interval, loss_curve, share_scale
from evenhand.reporting.data_view import count_scale
from evenhand.reporting.evaluation_view import EvaluationView, view
from evenhand.reporting.reference_words import NEAR, rows_of
from evenhand.reporting.replay_view import ClassPairs, ReplayRow, class_pairs, replay_row
from evenhand.reporting.results_view import TrainedRow
from evenhand.reporting.words import clipped, number, percent, points, span
from evenhand.study.published import Published
from evenhand.study.reference import ReferenceStudy, Tried
from evenhand.study.replay import ClassRow, Row

MOST_CLASSES = 40
KINDS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Bar:
    """A row of a chart: a figure with its interval, and beside it what was published."""

    label: str
    detail: str
    chart: Markup
    value: str
    reach: str


@dataclass(frozen=True)
class BarChart:
    """Such rows and the axis they share."""

    rows: tuple[Bar, ...]
    axis: Markup


@dataclass(frozen=True)
class ExperimentView:
    """An experiment: its figures beside the published ones, and all that unfolds from it."""

    name: str
    row: ReplayRow | None
    """None where nothing was published of it."""
    difference: str
    """Of the accuracies, in points."""
    far: bool
    """Whether they differ by more than the report explains by chance."""
    epochs: int
    losses: tuple[tuple[int, str], ...]
    curve: Markup
    trained: tuple[TrainedRow, ...]
    trained_axis: Markup
    trained_total: int
    evaluation: EvaluationView


@dataclass(frozen=True)
class UndoneRow:
    """A network on given and on corrected labels; texts, "–" where there is nothing."""

    name: str
    remedy: str
    repaired: bool
    accuracy: str
    balanced: str
    expected: str
    reach: str
    chart: Markup
    f1: str
    ledger: str


@dataclass(frozen=True)
class Undone:
    """The table of what the study left undone."""

    rows: tuple[UndoneRow, ...]
    axis: Markup
    ledger: bool
    """Whether there is a column of labels that people corrected."""


@dataclass(frozen=True)
class Baseline:
    """The checkpoint: its figures as published and as measured, and on the true labels as far as they are known."""

    rows: tuple[ClassPairs, ...]
    evaluation: EvaluationView
    ledger: EvaluationView | None
    recalls: tuple[tuple[str, str], ...]
    """Expected recall of each class on the true labels."""


def accuracies(study: ReferenceStudy, theirs: Published) -> BarChart:
    """Return the measured accuracies as a chart, a dashed line at what was published."""
    published = {one.name: one.accuracy for one in theirs.experiments}
    whole = [(one.name, one.given.accuracy, published.get(one.name)) for one in study.experiments]
    if study.baseline:
        whole.insert(0, (study.baseline.name, study.baseline.given.accuracy, theirs.baseline.accuracy))
    ends = [end for _, figure, other in whole for end in (figure.low, figure.high, other or figure.value)]
    return _chart(whole, share_scale(ends), "published")


def balanced(study: ReferenceStudy) -> BarChart:
    """Return the balanced accuracies expected on the true labels, a dashed line at those on the labels as given."""
    whole = [
        (one.name, one.expected.balanced_accuracy, one.given.balanced_accuracy.value)
        for one in (*([study.baseline] if study.baseline else []), *study.experiments)
        if one.expected
    ]
    ends = [end for _, figure, other in whole for end in (figure.low, figure.high, other)]
    return _chart(whole, share_scale(ends), "on the labels as given")


def _chart(whole: Sequence[tuple[str, Interval, float | None]], reach: Scale, words: str) -> BarChart:
    return BarChart(
        tuple(
            Bar(
                name,
                "" if other is None else f"{words} {percent(other)}",
                interval(
                    figure.value,
                    figure.low,
                    figure.high,
                    reach,
                    f"{name}: {percent(figure.value)}" + ("" if other is None else f", {words} {percent(other)}"),
                    mark=other,
                ),
                percent(figure.value),
                span(figure.low, figure.high),
            )
            for name, figure, other in whole
        ),
        axis(reach, lambda tick: percent(tick, 0)),
    )


def experiments(study: ReferenceStudy, audit: Audit, theirs: Published) -> tuple[ExperimentView, ...]:
    """Return the study's experiments and, last, what it settled on."""
    known = {one.name: one for one in theirs.experiments}
    named = theirs.named(audit.classes)
    found = []
    for place, one in enumerate(study.experiments):
        other = known[one.name]
        row = Row(
            one.name,
            one.remedy,
            (other.examples, one.examples),
            (other.accuracy, one.given.accuracy),
            (other.macro_f1, one.given.macro_f1),
            _beside(one.given, {named[name]: own for name, own in other.per_class.items() if name in named}),
        )
        gap = one.given.accuracy.value - other.accuracy
        found.append(_experiment(f"e{place}", one, audit, replay_row(row), points(gap), far=abs(gap) > NEAR))
    last = study.final
    name = f"{last.name}, {last.epochs} epochs"
    return (*found, _experiment("final", last, audit, None, "", name=name))


def _beside(given: Evaluation, published: dict[str, dict[str, float]]) -> tuple[ClassRow, ...]:
    measured = {one.name: {kind: getattr(one, kind) for kind in KINDS} for one in given.per_class}
    # In the study's order where its classes are these.
    names = [name for name in published if name in measured] or list(measured)
    return tuple(ClassRow(name, published.get(name, {}), measured[name]) for name in names)


def _experiment(
    key: str, one: Tried, audit: Audit, row: ReplayRow | None, difference: str, *, far: bool = False, name: str = ""
) -> ExperimentView:
    curve = one.curve
    assert curve is not None  # noqa: S101 - every network of the replay was trained here
    losses = tuple((place, f"{loss:.4f}") for place, loss in enumerate(curve.epoch_loss, 1))
    ends = f"from {losses[0][1]} in the first epoch to {losses[-1][1]} in the last" if losses else "not recorded"
    trained, trained_axis = _trained(one, audit)
    return ExperimentView(
        name=name or one.name,
        row=row,
        difference=difference,
        far=far,
        epochs=one.epochs,
        losses=losses,
        curve=loss_curve(curve, f"Loss of training with {one.name}: {ends}"),
        trained=trained,
        trained_axis=trained_axis,
        trained_total=one.examples,
        evaluation=view(key, one.given, None, pictures=0, most_classes=MOST_CLASSES),
    )


def _trained(one: Tried, audit: Audit) -> tuple[tuple[TrainedRow, ...], Markup]:
    """Return what an epoch holds of each class beside what was given."""
    given = [audit.counts["train"][label] for label in audit.classes]
    reach = count_scale([*given, *one.trained_counts])
    rows = tuple(
        TrainedRow(
            label,
            trained,
            before,
            bar(trained, reach, f"{clipped(label)}: {number(trained)} trained on", second=before),
        )
        for label, trained, before in zip(audit.classes, one.trained_counts, given, strict=True)
    )
    return rows, axis(reach, lambda tick: f"{tick:,.0f}")


def baseline(study: ReferenceStudy, audit: Audit, theirs: Published) -> Baseline | None:
    """Return what the page shows of the checkpoint; None without one."""
    own = study.baseline
    if own is None:
        return None
    named = theirs.named(audit.classes)
    recalls = own.expected.recalls if own.expected else ()
    published = {named[name]: row for name, row in theirs.baseline.per_class.items() if name in named}
    return Baseline(
        tuple(class_pairs(row) for row in _beside(own.given, published)),
        view("base", own.given, None, pictures=0, most_classes=MOST_CLASSES),
        view("based", own.ledger, None, pictures=0, most_classes=MOST_CLASSES) if own.ledger else None,
        tuple(
            (name, "–" if recall is None else percent(recall))
            for name, recall in zip(own.given.classes, recalls, strict=False)
        ),
    )


def undone(study: ReferenceStudy) -> Undone:
    """Return every network on given and on corrected labels."""
    rows = rows_of(study)
    known = [one.expected.balanced_accuracy for one in rows if one.expected]
    reach = share_scale([end for figure in known for end in (figure.low, figure.high)])
    return Undone(
        tuple(_undone(one, reach, longer=one is study.final) for one in rows),
        axis(reach, lambda tick: percent(tick, 0)),
        any(one.ledger for one in rows),
    )


def _undone(one: Tried, reach: Scale, *, longer: bool) -> UndoneRow:
    expected = one.expected
    figure = expected.balanced_accuracy if expected else None
    name = f"{one.name}, {one.epochs} epochs" if longer else one.name
    repaired = one.repair != "none"
    spoken = f"{name}{', suspects left out' if repaired else ''}"
    return UndoneRow(
        name=name,
        remedy=one.remedy,
        repaired=repaired,
        accuracy=percent(one.given.accuracy.value),
        balanced=percent(one.given.balanced_accuracy.value),
        expected=percent(figure.value) if figure else "–",
        reach=span(figure.low, figure.high) if figure else "",
        chart=interval(
            figure.value,
            figure.low,
            figure.high,
            reach,
            f"{spoken}: expected balanced accuracy {percent(figure.value)}",
            kind="chosen" if repaired else "",
        )
        if figure
        else Markup(""),
        f1=percent(expected.macro_f1) if expected else "–",
        ledger=percent(one.ledger.balanced_accuracy.value) if one.ledger else "–",
    )
