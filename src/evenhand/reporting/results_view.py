"""The comparison and the final model as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evenhand.records.comparison import RemedyResult
from evenhand.remedies.catalogue import REMEDIES, parse
from evenhand.reporting.against import Against, against, further_figures
from evenhand.reporting.charts import Scale, axis, bar, interval, loss_curve, scale, share_scale
from evenhand.reporting.content import ReportData
from evenhand.reporting.data_view import count_scale
from evenhand.reporting.evaluation_view import EvaluationView, FigureRow, view
from evenhand.reporting.gain import Gain, differences
from evenhand.reporting.verdict import row_name
from evenhand.reporting.words import clipped, number, percent, points, span

MOST_ROWS = 40
"""Rows of the class tables and count charts of each remedy; the final model's table is longer."""
MOST_EPOCHS = 60


@dataclass(frozen=True)
class TrainedRow:
    """Images of a class that one epoch shows, beside those given."""

    label: str
    trained: int
    given: int
    chart: Markup


@dataclass(frozen=True)
class LossRow:
    """The losses of one epoch."""

    epoch: int
    training: str
    validation: str


@dataclass(frozen=True)
class ResultView:
    """A row of the leaderboard and what unfolds from it."""

    rank: int
    result: RemedyResult
    name: Markup
    description: str
    chosen: bool
    tied: bool
    chart: Markup
    curve: Markup
    losses: tuple[LossRow, ...]
    trained: tuple[TrainedRow, ...]
    trained_axis: Markup
    trained_total: int
    evaluation: EvaluationView
    against_plain: Against | None
    against_best: Against | None
    further: tuple[FigureRow, ...]
    """Figures after temperature scaling, and expected on the true labels."""


@dataclass(frozen=True)
class Leaderboard:
    """All rows, best first, and the axis they share."""

    rows: tuple[ResultView, ...]
    axis: Markup


def leaderboard(data: ReportData, pictures: int, others: int) -> Leaderboard:
    """Return the leaderboard with up to `pictures` pictures a cell of the chosen row's matrix, `others` of the rest."""
    if not data.results:
        return Leaderboard((), Markup(""))
    reach = share_scale([end for row in data.results for end in (row.judged.low, row.judged.high)])
    rows = tuple(
        _row(data, rank, row, reach, pictures if row is data.chosen else others)
        for rank, row in enumerate(data.results, 1)
    )
    return Leaderboard(rows, axis(reach, lambda tick: percent(tick, 0)))


def _row(data: ReportData, rank: int, row: RemedyResult, reach: Scale, pictures: int) -> ResultView:
    judged, beside = row.judged, data.beside(row)
    chosen, tied = row is data.chosen, data.is_tied(row)
    kind = "chosen" if chosen else ""
    spoken = f"{row.name}: balanced accuracy {percent(judged.value)}, 95 % interval {span(judged.low, judged.high)}"
    plain = data.plain.judged.value if data.plain else None
    trained, trained_axis = _trained(data, row)
    seen = (data.dataset.manifest.given[row.indices], row.probabilities, row.indices)
    return ResultView(
        rank=rank,
        result=row,
        name=row_name(row),
        description=describe(row),
        chosen=chosen,
        tied=tied and not chosen,
        chart=interval(judged.value, judged.low, judged.high, reach, spoken, mark=plain, kind=kind),
        curve=loss_curve(row.curve, f"Loss of training with {row.name}: {_course(row)}"),
        losses=_losses(row),
        trained=trained,
        trained_axis=trained_axis,
        trained_total=sum(row.trained_counts),
        evaluation=view(
            f"r{rank}",
            row.evaluation,
            seen,
            pictures=pictures,
            most_classes=MOST_ROWS,
            reach=(row.low, row.high),
            expected=row.expected,
        ),
        against_plain=against(beside.vs_plain, row.model),
        against_best=None if chosen else against(beside.vs_best, row.model),
        further=further_figures(beside, row.evaluation.classes),
    )


def describe(row: RemedyResult) -> str:
    """Return what a remedy does, its parts joined, and what is done about suspects."""
    words = [REMEDIES[part.name].description for part in parse(row.remedy, allow_stacking=True).parts]
    repairs = {
        "drop": "Images with suspect labels are left out of training.",
        "relabel": "Suspect labels are replaced by the suggested ones for training.",
        "soft": "Suspect labels are spread over the likely classes for training.",
    }
    if row.repair in repairs:
        words.append(repairs[row.repair])
    return " ".join(words)


def _course(row: RemedyResult) -> str:
    losses = row.curve.epoch_loss
    if not losses:
        return "not recorded"
    return f"from {losses[0]:.3f} in the first epoch to {losses[-1]:.3f} in epoch {len(losses)}"


def _losses(row: RemedyResult) -> tuple[LossRow, ...]:
    """Return the table of losses; of very many epochs evenly spaced ones and the last."""
    training, validation = row.curve.epoch_loss, row.curve.validation_loss
    step = max(1, -(-len(training) // MOST_EPOCHS))
    shown = sorted({*range(0, len(training), step), len(training) - 1}) if training else []
    return tuple(
        LossRow(place + 1, f"{training[place]:.4f}", f"{validation[place]:.4f}" if place < len(validation) else "")
        for place in shown
    )


def _trained(data: ReportData, row: RemedyResult) -> tuple[tuple[TrainedRow, ...], Markup]:
    """Return what one epoch shows of each class beside what was given; of many classes the most changed."""
    classes = data.audit.classes
    given = [data.audit.counts["train"][label] for label in classes]
    trained = row.trained_counts
    order = list(range(len(classes)))
    if len(order) > MOST_ROWS:
        order = sorted(order, key=lambda place: -abs(trained[place] - given[place]))[:MOST_ROWS]
    reach = count_scale([*given, *trained])
    rows = tuple(
        TrainedRow(
            classes[place],
            trained[place],
            given[place],
            bar(
                trained[place],
                reach,
                f"{clipped(classes[place])}: {number(trained[place])} trained on, {number(given[place])} given",
                second=given[place],
            ),
        )
        for place in order
    )
    return rows, axis(reach, lambda tick: f"{tick:,.0f}")


@dataclass(frozen=True)
class Rival:
    """A candidate compared with the choice: the difference in points and its interval, which needs several folds."""

    name: Markup
    value: str
    reach: str
    verdict: str
    """tied, worse, or stopped early: what has few trainings is not said to be worse, whatever its interval holds."""
    chart: Markup


@dataclass(frozen=True)
class Rivals:
    """All candidates but the choice, in the order of the leaderboard, and the axis they share, in points."""

    rows: tuple[Rival, ...]
    axis: Markup
    stopped: bool = False
    """Whether any of them stopped early."""


def rivals(data: ReportData) -> Rivals:
    """Return how much better the choice is than every other candidate."""
    found = differences(data)
    ends = [end for gain in found for end in _ends(gain)]
    reach = scale(min([0.0, *ends]), max([0.0, *ends])) if ends else scale(0.0, 1.0)
    rows = tuple(
        Rival(
            row_name(gain.other),
            points(gain.value),
            f"{points(gain.interval.low)} to {points(gain.interval.high)}" if gain.interval else "–",
            _judged_as(gain),
            interval(
                gain.value,
                *_ends(gain),
                reach,
                f"The choice minus {gain.other.name}: {points(gain.value)} points",
                mark=0.0,
            ),
        )
        for gain in found
    )
    return Rivals(
        rows,
        axis(reach, lambda tick: f"{100 * tick:+.0f}".replace("-", "−").replace("+0", "0")),
        any(one.other.stopped for one in found),
    )


def _judged_as(gain: Gain) -> str:
    if gain.other.stopped:
        return "stopped early"
    return "tied" if gain.tied else "worse"


def _ends(gain: Gain) -> tuple[float, float]:
    return (gain.interval.low, gain.interval.high) if gain.interval else (gain.value, gain.value)


@dataclass(frozen=True)
class FinalView:
    """The final model's evaluations: on the labels as given and, if any were corrected, on the corrected ones."""

    given: EvaluationView
    corrected: EvaluationView | None


def final(data: ReportData, pictures: int) -> FinalView | None:
    """Return the final evaluation: of the test images, else the nested out-of-fold one; None after an audit alone."""
    if data.headline is None:
        return None
    manifest = data.dataset.manifest
    if data.test is None:
        chosen = data.chosen
        # The nested figure mixes candidates; its pictures are known only where all folds chose the same one.
        same = chosen is not None and chosen.evaluation.confusion == data.headline.confusion
        seen = (manifest.given[chosen.indices], chosen.probabilities, chosen.indices) if chosen and same else None
        return FinalView(view("final", data.headline, seen, pictures=pictures, most_classes=1000), None)
    test = data.test
    seen = (manifest.given[test.indices], test.probabilities, test.indices)
    given = view("final", test.evaluation, seen, pictures=pictures, most_classes=1000)
    if test.corrected is None:
        return FinalView(given, None)
    seen = (manifest.corrected[test.indices], test.probabilities, test.indices)
    return FinalView(given, view("corrected", test.corrected, seen, pictures=pictures, most_classes=1000))
