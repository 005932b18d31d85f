"""Settling suspects: what deciding on suspected labels by hand would bring, from the audit and the comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.labels import FLAG, LabelModel
from evenhand.evaluation.intervals import by_seed, corrected_resampled_t
from evenhand.records.comparison import Choice, Judged
from evenhand.records.values import Interval
from evenhand.study.bench import Bench
from evenhand.study.learning_curves import LIMIT
from evenhand.study.next_steps import ClassCurve, Settle

Doubles = NDArray[np.float64]


def settling(
    bench: Bench,
    choice: Choice,
    judged: Sequence[Judged],
    model: LabelModel | None,
    curves: Sequence[ClassCurve],
    counts: Doubles,
    network: str,
) -> Settle:
    """Return what settling the suspects by hand would bring to the choice.

    Where the chosen candidate does nothing about suspects, a repair that was judged beside it tells what they cost.
    Where they were left out, that is in hand already. Either way pictures come back to their right classes, and the
    learning curves say what these are worth.

    Parameters
    ----------
    bench : Bench
        The training images.
    choice : Choice
        What the comparison came to.
    judged : sequence of Judged
        Every candidate with each of its networks.
    model : LabelModel or None
        What is believed about the labels; None where nobody looked.
    curves : sequence of ClassCurve
        What more images of a class are worth.
    counts : (K,) float64
        Images that are trained on, as the repair leaves them.
    network : str
        The network of the curves, whose comparison counts.
    """
    if model is None:
        return Settle(0, 0.0, None, "", None, in_hand=False, back={}, returned=None, gain=None)
    suspicion = model.suspicion(bench.given)
    flagged = suspicion > FLAG
    wrong = float(suspicion[flagged].sum())
    repair, measured = _of_repair(bench, choice, judged, network)
    won = _won(bench, model, flagged, choice.repair)
    returned = _returned(won, curves, counts, bench)
    in_hand = choice.repair != "none"
    parts = [part for part in (None if in_hand else measured, returned) if part]
    # What a repair made of suspects by itself, somebody might put right; nobody knows where.
    unknown = choice.repair in ("relabel", "soft") if in_hand else measured is None
    unknown |= bool(won.sum() >= 0.5) and returned is None
    left = Interval(*(max(0.0, end - wrong) for end in (model.wrong.value, model.wrong.low, model.wrong.high)))
    return Settle(
        suspects=int(flagged.sum()),
        wrong=wrong,
        elsewhere=left,
        repair=repair,
        measured=measured,
        in_hand=in_hand,
        back={name: round(count) for name, count in zip(bench.classes, won.tolist(), strict=True) if count >= 0.5},
        returned=returned,
        gain=None if unknown or not flagged.any() else _sum(parts),
    )


def _of_repair(bench: Bench, choice: Choice, judged: Sequence[Judged], network: str) -> tuple[str, Interval | None]:
    """Return the repair that the chosen remedy was judged with beside none, and what it brought."""
    mine = {one.repair: one for one in judged if (one.remedy, one.model) == (choice.remedy, network)}
    plain = mine.pop("none", None)
    if choice.repair != "none":
        mine = {name: one for name, one in mine.items() if name == choice.repair}
    if plain is None or not mine:
        return "", None
    best = max(mine.values(), key=lambda one: one.figure.value)
    return best.repair, paired([(best, plain)], bench)


def paired(pairs: Sequence[tuple[Judged, Judged]], bench: Bench) -> Interval | None:
    """Return the mean difference of some pairs over the trainings that all have; None where these are of one fold.

    Parameters
    ----------
    pairs : sequence of (Judged, Judged)
        The second is taken from the first, training by training.
    bench : Bench
        Whose folds judged them.
    """
    # A candidate that stopped early has the first trainings of those that went on.
    common = min(len(one.by_fold) for pair in pairs for one in pair)
    differences = np.mean(
        [np.subtract(first.by_fold[:common], second.by_fold[:common]) for first, second in pairs], axis=0
    )
    told = by_seed(differences, len(bench.judged))
    if told.shape[1] < 2:
        return None
    value, low, high, _ = corrected_resampled_t(told, 1 / (bench.n_folds - 1))
    return Interval(value, low, high)


def _won(bench: Bench, model: LabelModel, flagged: NDArray[np.bool_], repair: str) -> Doubles:
    """Return (K,) how many pictures of each class training would win if the suspects were settled.

    Left out, all of them come back under their right label. Left as they are, those of another class join it.
    """
    if repair == "drop":
        return np.asarray(model.posterior[flagged].sum(axis=0))
    if repair == "none":
        moved = model.posterior[flagged].copy()
        moved[np.arange(len(moved)), bench.given[flagged]] = 0.0
        return np.asarray(moved.sum(axis=0))
    return np.zeros(bench.n_classes)


def _returned(won: Doubles, curves: Sequence[ClassCurve], counts: Doubles, bench: Bench) -> Interval | None:
    """Return what some pictures of each class are worth by the curves; None where no curve speaks of any of them."""
    known = {curve.name: curve for curve in curves}
    parts = []
    for name, count, present in zip(bench.classes, won.tolist(), counts.tolist(), strict=True):
        curve = known.get(name)
        if count >= 0.5 and curve and present:
            parts.append(_between(curve, min(LIMIT, 1 + count / present)))
    return _sum(parts) if parts else None


def _between(curve: ClassCurve, factor: float) -> Interval:
    """Return the gain of `factor` times the pictures, between the gains that were told, on the scale of doublings."""
    at = np.log([1.0, *(gain.factor for gain in curve.gains)])
    ends = [[0.0, *(getattr(gain.score, end) for gain in curve.gains)] for end in ("value", "low", "high")]
    return Interval(*(float(np.interp(np.log(factor), at, values)) for values in ends))


def _sum(parts: Sequence[Interval]) -> Interval:
    """Return the sum of gains that were measured apart, with the interval of independent ones."""
    value = sum(part.value for part in parts)
    low = float(np.sqrt(sum((part.value - part.low) ** 2 for part in parts)))
    high = float(np.sqrt(sum((part.high - part.value) ** 2 for part in parts)))
    return Interval(value, value - low, value + high)
