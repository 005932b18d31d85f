"""A row of the leaderboard against plain training and against the best, and its further figures, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenhand.records.compared import Compared, Versus
from evenhand.reporting.evaluation_view import FigureRow
from evenhand.reporting.words import clipped, percent, points, span

MOST_CLASSES = 12
"""Up to so many classes each has a line for its expected recall; of more they are in results.json."""


@dataclass(frozen=True)
class Against:
    """A difference in percentage points, as text; `reach` and `chance` are empty where a single training was made."""

    points: str
    value: float
    reach: str
    chance: str
    network: str
    """Said where both were judged by another network than the row's."""


def against(versus: Versus | None, model: str) -> Against | None:
    """Return a difference as text; None where there is none."""
    if versus is None:
        return None
    told = versus.low is not None and versus.high is not None
    return Against(
        points=points(versus.value),
        value=versus.value,
        reach=f"{points(versus.low or 0.0)} to {points(versus.high or 0.0)}" if told else "",
        chance=f"p\u00a0{probability(versus.p)}, Holm {probability(versus.p_holm)}"
        if versus.p is not None and versus.p_holm is not None
        else "",
        network="" if versus.model == model else versus.model,
    )


def probability(p: float) -> str:
    """Return a p-value as ``.032``, small ones as ``< .001``."""
    return "<\u00a0.001" if p < 0.001 else "1" if p > 0.9995 else f"{p:.3f}".removeprefix("0")


def further_figures(found: Compared, classes: Sequence[str]) -> tuple[FigureRow, ...]:
    """Return what is known beside the figures on given labels, each with its 95 % interval."""
    rows: list[FigureRow] = []
    if found.calibrated:
        loss, ece = found.calibrated.log_loss, found.calibrated.ece
        rows += [
            FigureRow("log-loss, scaled", f"{loss.value:.3f}", f"{loss.low:.3f} to {loss.high:.3f}"),
            FigureRow("calibration error, scaled", percent(ece.value), span(ece.low, ece.high)),
        ]
    true = found.on_true_labels
    if true:
        named = [("expected accuracy", true.accuracy), ("expected macro F1", true.macro_f1)]
        if len(classes) <= MOST_CLASSES:
            named += [
                (f"expected recall of {clipped(name, 40)}", recall)
                for name, recall in zip(classes, true.recall, strict=True)
            ]
        rows += [FigureRow(term, percent(one.value), span(one.low, one.high)) for term, one in named]
    return tuple(rows)
