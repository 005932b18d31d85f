"""The study of learning rates as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evenhand.reporting.rate_charts import course_chart, loss_scale, range_chart, rate_chart
from evenhand.reporting.words import counted, listed, number, spaced, spelled, spelled_number
from evenhand.study.rate_figures import RateRow, RateStudy
from evenhand.study.rate_verdict import KINDS
from evenhand.study.rate_words import KIND_WORDS, explain, finder_words, loss_words, rate_words, summary

MOST_PANELS = 30
"""Rates whose curves are shown; of more, the ends and evenly spaced ones between."""
FEWEST_POINTS = 3
"""Rates from which losses are drawn against them."""
PLURAL = {"converges": "converge", "diverges": "diverge"}


@dataclass(frozen=True)
class RatePanel:
    """One rate: its curves, its figures, and what they say."""

    rate: str
    kind: str
    words: str
    chart: Markup
    beyond: str
    """What leaves the picture, in words."""
    start: str
    final: str
    validation: str
    step: str
    explanation: str
    marks: tuple[str, ...]
    """Tags besides the verdict: suggested, tied."""


@dataclass(frozen=True)
class RateView:
    """The section."""

    summary: str
    method: str
    panels: tuple[RatePanel, ...]
    """Rates with a picture."""
    rows: tuple[RatePanel, ...]
    """All of them."""
    against: Markup
    """Losses against rates; empty with hardly any rates."""
    tests: Markup
    """Losses of the range tests; empty where there was none."""
    finder: tuple[str, ...]
    several: bool
    """Whether there were several trainings a rate."""


def rate_view(study: RateStudy | None) -> RateView | None:
    """Return what the page shows of a study; None where there was none."""
    if study is None:
        return None
    rows = tuple(_panel(study, row) for row in study.rows)
    axis = loss_scale(study)
    places = range(len(rows))
    if len(rows) > MOST_PANELS:
        places = sorted({round(step * (len(rows) - 1) / (MOST_PANELS - 1)) for step in range(MOST_PANELS)})  # type: ignore[assignment]
    finder = study.finder
    return RateView(
        summary=spaced(summary(study)),
        method=method(study),
        panels=tuple(rows[place] for place in places),
        rows=rows,
        against=(
            rate_chart(study, axis, f"Final losses against the learning rate. {summary(study)}")
            if len(rows) >= FEWEST_POINTS
            else Markup("")
        ),
        tests=range_chart(finder, axis, " ".join(finder_words(finder, study))) if finder else Markup(""),
        finder=tuple(spaced(line) for line in finder_words(finder, study)) if finder else (),
        several=study.seeds > 1,
    )


def method(study: RateStudy) -> str:
    """Return how the rates were tried."""
    trainings = "once" if study.seeds == 1 else f"{spelled(study.seeds, 'time')}, with other random draws,"
    held = (
        f"the {counted(study.held, 'image')} of the validation split"
        if study.source == "val"
        else f"{counted(study.held, 'image')} held out"
    )
    schedule = (
        "The rate stays the same all along."
        if study.schedule == "constant"
        else f"The schedule is {study.schedule}: the rate named is its largest."
    )
    alike = "All trainings" if study.seeds == 1 else "The trainings of one number at all rates"
    plain = "" if study.remedy == "none" else f" with the remedy {study.remedy}"
    return (
        f"At each rate the network {study.model} was trained {trainings} with {study.optimiser.upper()}{plain}, "
        f"{counted(study.batch, 'image')} a step, for {counted(study.epochs, 'epoch')} on "
        f"{counted(study.images, 'image')}, and judged on {held}. {schedule} {alike} begin with the same weights and "
        "see the images in the same order."
    )


def headline(study: RateStudy) -> Markup:
    """Return the one sentence on the rates that a reader in a hurry takes away."""
    kinds = {kind: [row for row in study.rows if row.verdict.kind == kind] for kind in KINDS}
    if len(study.rows) <= 4:
        parts = [_said(kind, rows) for kind, rows in kinds.items() if rows]
        text = str(listed(parts))
        return Markup("Learning rates: {}.").format(text)
    told = listed([f"{spelled_number(len(rows))} {_verb(kind, len(rows))}" for kind, rows in kinds.items() if rows])
    return Markup("Of {} {}.").format(counted(len(study.rows), "learning rate"), told)


def _said(kind: str, rows: list[RateRow]) -> str:
    rates = listed([rate_words(row.rate) for row in rows])
    return f"{rates} {_verb(kind, len(rows))}"


def _verb(kind: str, count: int) -> str:
    if kind in PLURAL:
        return kind if count == 1 else PLURAL[kind]
    return f"{'is' if count == 1 else 'are'} {KIND_WORDS[kind]}"


def _panel(study: RateStudy, row: RateRow) -> RatePanel:
    verdict = row.verdict
    axis = loss_scale(study)
    broken = verdict.step if verdict.reason in ("nan", "infinite") else None
    explanation = explain(row, study)
    beyond = ""
    if broken:
        beyond = f"no number from step {number(broken)} on"
    elif verdict.kind in ("unstable", "diverges") and (verdict.highest or 0.0) > 2 * axis.high:
        beyond = f"rises to {loss_words(verdict.highest)}"
    marks = ["suggested"] if row.rate == study.suggested else []
    if row.tied and row.rate not in (study.suggested, study.best):
        marks.append("tied")
    return RatePanel(
        rate=rate_words(row.rate),
        kind=verdict.kind,
        words=KIND_WORDS[verdict.kind],
        chart=course_chart(
            row.courses,
            axis,
            f"Losses at the learning rate {rate_words(row.rate)}: {explanation}",
            epochs=study.epochs,
            broken=(broken, verdict.steps) if broken else None,
        ),
        beyond=beyond,
        start=loss_words(verdict.start),
        final=loss_words(row.final_loss),
        validation=loss_words(row.validation_loss),
        step=number(verdict.step) if verdict.step else "–",
        explanation=spaced(explanation),
        marks=tuple(marks),
    )
