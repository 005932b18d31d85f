"""What repairing the labels is worth: wrong ones estimated, found and settled, and the figures before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.evaluation.intervals import wilson
from evenhand.records.audit import Decided
from evenhand.records.comparison import REPAIR_WORDS
from evenhand.reporting.charts import WHOLE, axis, interval, scale
from evenhand.reporting.content import ReportData, Reviewed
from evenhand.reporting.faults import wrong_labels_found
from evenhand.reporting.overview import Measured
from evenhand.reporting.repaired import Repaired, repaired
from evenhand.reporting.truth import Truth, truth
from evenhand.reporting.words import (
    clipped,
    code,
    counted,
    listed,
    number,
    percent,
    points,
    span,
    spelled,
    spelled_number,
    starting,
)

TRUST = 0.5
"""The suspicion above which a repair acts where nothing else was asked for."""
DOING = {"drop": "leaving suspects out", "relabel": "relabelling suspects", "soft": "softening the labels of suspects"}
"""What a repair does, as the subject of a sentence."""


@dataclass(frozen=True)
class Tally:
    """One number about wrong labels, and what it counts."""

    value: str
    words: str


@dataclass(frozen=True)
class Gained:
    """A remedy without and with a repair, on the same folds and seeds; differences are in percentage points."""

    name: Markup
    detail: str
    before: str
    after: str
    value: str
    reach: str
    chart: Markup
    kind: str
    """"chosen", "pooled" for the mean over remedies, or empty."""


@dataclass(frozen=True)
class Worth:
    """The section on repair; a part that has nothing to say is empty."""

    tallies: tuple[Tally, ...]
    reviewed: Markup
    truth: Truth | None
    headline: tuple[Markup, ...]
    gains: tuple[Gained, ...]
    axis: Markup
    tested: Markup
    tests: tuple[Measured, ...]


def worth(data: ReportData) -> Worth | None:
    """Return what repair is worth; None where the labels were neither checked nor settled by anybody."""
    reviewed = data.reviewed if data.reviewed and data.reviewed.decided.settled else None
    if data.audit.wrong_labels is None and data.decided is None and reviewed is None:
        return None
    compared = repaired(data)
    gains, ticks = _gains(data, [row for row in compared if not row.untouched])
    return Worth(
        tallies=tuple(_tallies(data, reviewed)),
        reviewed=_reviewed(reviewed) if reviewed else Markup(""),
        truth=truth(data) if data.audit.issues else None,
        headline=tuple(_headline(data, compared)),
        gains=gains,
        axis=ticks,
        tested=_tested(data),
        tests=tuple(_tests(data)),
    )


def _tallies(data: ReportData, reviewed: Reviewed | None) -> Iterator[Tally]:
    wrong = data.audit.wrong_labels
    if wrong:
        about = "≈ " if wrong_labels_found(data.audit) else ""
        left = " still" if data.decided else ""
        reach = f"{number(wrong.low)} to {number(wrong.high)}"
        yield Tally(about + number(wrong.value), f"estimated to be wrong{left}; 95\u00a0% interval {reach}")
        found = len(data.audit.flagged)
        yield Tally(number(found), "found: named as a suspect" if found == 1 else "found: named as suspects")
    decided = data.decided or (reviewed.decided if reviewed else None)
    if decided is None:
        yield Tally("0", "settled: nobody has decided on any yet")
        return
    when = "" if data.decided else ", after this run"
    yield Tally(number(decided.settled), f"settled{when}: {_decided(decided)}")


def _decided(decided: Decided) -> str:
    return f"{number(decided.changed)} changed, {number(decided.kept)} kept, {number(decided.excluded)} excluded"


def _reviewed(reviewed: Reviewed) -> Markup:
    """Return what was decided since the run, and how many of its suspects were rightly suspected."""
    found = Markup(
        "Since this run, people have settled {} of its training images: {}. It was made without these decisions; "
        "give them to the next one with {}."
    ).format(number(reviewed.decided.settled), _decided(reviewed.decided), code("--edits RUN/edits.jsonl"))
    if reviewed.suspects:
        low, high = wilson(reviewed.confirmed, reviewed.suspects)
        found += Markup(" Of {} looked at, {} had a wrong label: {} (95&nbsp;% interval {}).").format(
            counted(reviewed.suspects, "suspect"),
            "none" if not reviewed.confirmed else number(reviewed.confirmed),
            percent(reviewed.confirmed / reviewed.suspects, 0),
            span(float(low), float(high), 0),
        )
    return found


def _gains(data: ReportData, compared: Sequence[Repaired]) -> tuple[tuple[Gained, ...], Markup]:
    """Return the rows of the table, and the axis that their charts share."""
    ends = [end for row in compared for end in _ends(row)]
    reach = scale(min([0.0, *ends]), max([0.0, *ends])) if ends else scale(0.0, 1.0)
    rows = []
    for row in compared:
        kind = "pooled" if row.remedies > 1 else "chosen" if _is_choice(data, row) else ""
        told = f"{points(row.interval.low)} to {points(row.interval.high)}" if row.interval else "–"
        spoken = (
            f"{_plain_name(row)}, suspects {REPAIR_WORDS[row.repair]}: {points(row.value)} points, 95 % interval {told}"
        )
        rows.append(
            Gained(
                _name(row),
                f"suspects {REPAIR_WORDS[row.repair]}, {row.model}",
                percent(row.before),
                percent(row.after),
                points(row.value),
                told,
                interval(row.value, *_ends(row), reach, spoken, mark=0.0, kind="chosen" if kind == "chosen" else ""),
                kind,
            )
        )
    return tuple(rows), axis(reach, lambda tick: f"{100 * tick:+.0f}".replace("-", "−").replace("+0", "0"))


def _ends(row: Repaired) -> tuple[float, float]:
    return (row.interval.low, row.interval.high) if row.interval else (row.value, row.value)


def _is_choice(data: ReportData, row: Repaired) -> bool:
    choice = data.choice
    return choice is not None and (row.remedy, row.repair, row.model) == (choice.remedy, choice.repair, choice.model)


def _plain_name(row: Repaired) -> str:
    if row.remedies > 1:
        return f"mean of {spelled_number(row.remedies)} remedies"
    return "plain training" if row.remedy == "none" else clipped(row.remedy)


def _name(row: Repaired) -> Markup:
    if row.remedies > 1 or row.remedy == "none":
        return Markup("{}").format(starting(_plain_name(row)))
    return code(row.remedy)


def _headline(data: ReportData, compared: Sequence[Repaired]) -> Iterator[Markup]:
    """Yield what the repair is worth to the chosen remedy, and on average over the remedies."""
    if not compared:
        yield _not_judged(data)
        return
    row = _of_choice(data, compared)
    if row and not row.untouched:
        yield _told(row, Markup("{}, the chosen remedy").format(_subject(row)), expected=_expected(data))
    for mean in compared:
        if mean.remedies > 1 and not mean.untouched:
            who = Markup("{} remedies on average").format(spelled_number(mean.remedies))
            yield _told(mean, who, expected=_expected(data))
    idle = list(dict.fromkeys(one.repair for one in compared if one.untouched))
    if idle:
        yield Markup("{} changed nothing: no label was suspicious enough for it, with the trust of {}.").format(
            starting(listed(DOING[repair] for repair in idle)), data.reproduce.settings.get("trust", TRUST)
        )
    if data.decided:
        yield Markup("Both sides go by the edits. A run without {} beside this one shows what those are worth.").format(
            code("--edits")
        )


def _not_judged(data: ReportData) -> Markup:
    repairs = {row.repair for row in data.results}
    if not repairs:
        return Markup("No remedy was compared, so what a repair is worth was not measured.")
    if repairs == {"none"}:
        return Markup("Nothing was judged with a repair, so what one is worth was not measured: {} does it.").format(
            code("evenhand compare DATA --repair none,drop")
        )
    done = listed(sorted(f"suspects {REPAIR_WORDS[repair]}" for repair in repairs if repair != "none"))
    return Markup(
        "Nothing was judged once with {} and once without in the same network, so what that is worth was not measured: "
        "{} does it."
    ).format(done, code("evenhand compare DATA --repair none,drop"))


def _of_choice(data: ReportData, compared: Sequence[Repaired]) -> Repaired | None:
    """Return the comparison of the chosen remedy: with its own repair and network, if that was judged without too."""
    choice = data.choice
    mine = [row for row in compared if choice and row.remedies == 1 and row.remedy == choice.remedy]
    if choice is None or not mine:
        return None
    return max(mine, key=lambda row: (row.repair == choice.repair, row.model == choice.model, row.after))


def _subject(row: Repaired) -> Markup:
    return Markup("plain training") if row.remedy == "none" else code(row.remedy)


def _expected(data: ReportData) -> str:
    return "expected balanced accuracy" if any(row.expected for row in data.results) else "balanced accuracy"


def _told(row: Repaired, who: Markup, *, expected: str) -> Markup:
    """Return what a repair is worth to somebody, and whether that can be told apart from nothing."""
    figures = Markup("{} without and {} with it, {} with the network {}").format(
        percent(row.before), percent(row.after), expected, code(row.model)
    )
    if row.interval is None:
        words = Markup("{doing} adds {points} points to {who}; a single training gives no interval: {figures}.")
    elif row.interval.low > 0:
        words = Markup("{doing} is worth {points} points to {who} (95&nbsp;% interval {reach}): {figures}.")
    elif row.interval.high < 0:
        words = Markup("{doing} does harm to {who}: {points} points (95&nbsp;% interval {reach}); {figures}.")
    else:
        words = Markup(
            "It cannot be told whether {quietly} helps {who}: {points} points (95&nbsp;% interval {reach}); {figures}."
        )
    reach = f"{points(row.interval.low)} to {points(row.interval.high)}" if row.interval else ""
    return words.format(
        doing=starting(DOING[row.repair]),
        quietly=DOING[row.repair],
        who=who,
        points=points(row.value),
        reach=reach,
        figures=figures,
    )


def _tested(data: ReportData) -> Markup:
    """Return how many test labels are others by the edits; nothing where none is."""
    test = data.test
    if test is None or test.corrected is None:
        return Markup("")
    manifest = data.dataset.manifest
    changed = int((manifest.given[test.indices] != manifest.corrected[test.indices]).sum())
    return Markup(
        "Test labels are never repaired. The edits change {} of {}; the final model is judged on both."
    ).format(spelled(changed, "label"), counted(test.evaluation.n, "test image"))


def _tests(data: ReportData) -> Iterator[Measured]:
    test = data.test
    if test is None or test.corrected is None:
        return
    for words, evaluation in (("Labels as given", test.evaluation), ("Corrected labels", test.corrected)):
        figure = evaluation.balanced_accuracy
        reach = span(figure.low, figure.high)
        spoken = f"{words}: balanced accuracy {percent(figure.value)}, 95 % interval {reach}"
        chart = interval(figure.value, figure.low, figure.high, WHOLE, spoken)
        yield Measured(Markup("{}").format(words), "", percent(figure.value), reach, chart)
