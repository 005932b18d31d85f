"""What the scores of a comparison prove: every candidate against plain training and against the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.auditing.labels import Doubles
from evenhand.evaluation.intervals import by_seed, corrected_resampled_t, holm
from evenhand.evaluation.score_table import MOST_SEEDS, ScoreTable
from evenhand.records.compared import Compared, Versus
from evenhand.study.bench import Bench
from evenhand.study.further_figures import calibrated, on_true_labels
from evenhand.study.judging import Score

PRACTICALLY = 100
"""Where more than so many times the images would be needed, two candidates may be taken as equal."""


def table_of(scores: Sequence[Score], folds: int) -> ScoreTable:
    """Return the table of candidates that all went the whole way, in the order given."""
    figures = np.array([score.result.judged.value for score in scores])
    return ScoreTable.of(np.stack([score.by_fold for score in scores]), folds, figures)


def named(score: Score, beside: Score) -> str:
    """Return what a candidate is called; its network is said where the candidate beside it has another one."""
    model = score.result.model
    return score.result.name + ("" if model == beside.result.model else f" ({model})")


def compared(
    bench: Bench, rows: Sequence[Score], scores: Sequence[Score], posterior: Doubles | None
) -> tuple[Compared, ...]:
    """Return what the comparison adds to each row of the leaderboard.

    Parameters
    ----------
    bench : Bench
        The training images.
    rows : sequence of Score
        The leaderboard, best first.
    scores : sequence of Score
        Every candidate with every network that it was judged with, best first; the rows are among them.
    posterior : (n, K) float64 or None
        What the audit believes of each image of the bench.
    """
    pairs = _Pairs(scores, bench.n_folds, len(bench.rows))
    beside_best = [(row, row, scores[0]) for row in rows if row is not scores[0]]
    best, plain = pairs.judged(beside_best), pairs.judged(_beside_plain(scores, rows))
    return tuple(
        Compared(
            calibrated(bench, row.result),
            None if posterior is None else on_true_labels(bench, row.result, posterior),
            plain.get(id(row)),
            best.get(id(row)),
        )
        for row in rows
    )


Beside = tuple[Score, Score, Score]
"""A row of the leaderboard, the score that stands for it, and what that is compared with."""


def _beside_plain(scores: Sequence[Score], rows: Sequence[Score]) -> list[Beside]:
    """Return each row beside plain training by the same network.

    Where plain training was not judged with the row's network, the row's remedy is taken as it did with plain
    training's: what another network adds is no merit of the remedy.
    """
    judged = {(*_what(score), score.result.model): score for score in scores}
    plain = [score for score in scores if _what(score) == ("none", "none")]
    found = []
    for row in rows:
        # The row's own network first.
        bases = sorted(plain, key=lambda base: base.result.model != row.result.model)
        for base in bases:
            score = judged.get((*_what(row), base.result.model))
            if score is not None and _what(row) != ("none", "none"):
                found.append((row, score, base))
                break
    return found


def _what(score: Score) -> tuple[str, str]:
    return score.candidate.remedy, score.candidate.repair


class _Pairs:
    """Compares candidates in pairs; a claim about any of them allows for all."""

    def __init__(self, scores: Sequence[Score], folds: int, images: int) -> None:
        whole = [score for score in scores if np.isfinite(score.by_fold).all()]
        self.table, self.folds, self.images = table_of(whole, folds), folds, images
        self.place = {id(score): number for number, score in enumerate(whole)}

    def judged(self, asked: Sequence[Beside]) -> dict[int, Versus]:
        """Return what is known of each row, by the row's identity; adjusted for all that is asked."""
        found = {
            id(row): self._in_table(score, base)
            if id(score) in self.place and id(base) in self.place
            else self._stopped(score, base)
            for row, score, base in asked
        }
        known = [key for key, versus in found.items() if versus.p is not None]
        adjusted = holm([float(found[key].p or 0.0) for key in known])
        return found | {key: replace(found[key], p_holm=p) for key, p in zip(known, adjusted, strict=True)}

    def _in_table(self, score: Score, base: Score) -> Versus:
        first, second = self.place[id(score)], self.place[id(base)]
        told = self.table.difference(first, second)
        versus = Versus(named(base, score), base.result.model, told.value)
        if self.table.held < 2:
            return versus
        versus = replace(versus, low=told.low, high=told.high, p=told.p, p_range=told.p_range, apart=told.apart)
        if told.apart:
            return versus
        needed = self.table.needed(first, second)
        images = int(np.ceil(self.images * needed.images)) if needed.images <= PRACTICALLY else None
        return replace(versus, images=images, seeds=needed.seeds)

    def _stopped(self, score: Score, base: Score) -> Versus:
        """Return a pair of which one was stopped early, by the trainings that both have."""
        seeds = min(len(score.by_fold), len(base.by_fold))
        both = score.by_fold[:seeds] - base.by_fold[:seeds]
        both = by_seed(both[np.isfinite(both)], both.shape[1])
        versus = Versus(named(base, score), base.result.model, float(both.mean()), stopped=True)
        if both.shape[1] < 2:
            return versus
        _, low, high, p = corrected_resampled_t(both, 1 / (self.folds - 1))
        return replace(versus, low=low, high=high, p=p)


def to_separate(scores: Sequence[Score], folds: int, images: int) -> str:
    """Return in words what would tell the best from what it is tied with; nothing where nothing is tied.

    Parameters
    ----------
    scores : sequence of Score
        Those that went all the way, best first.
    folds : int
        Parts that the images were dealt into.
    images : int
        Training images that there are.
    """
    table = table_of(scores, folds)
    ties = [place for place in range(1, len(scores)) if not table.apart[0, place]]
    if not ties:
        return ""
    if not np.isfinite(table.critical):
        return (
            "Nothing can be told apart by a single part that is held out; hold several out in turn, for example with "
            "--folds 5."
        )
    closest = ties[0]
    said = [f"To tell it from {_called(scores, closest, table)}, {_need(table, closest, images)}."]
    plain = next((place for place in ties if _what(scores[place]) == ("none", "none")), closest)
    if plain != closest:
        said.append(
            f"To know whether it helps at all, that is to tell it from {_called(scores, plain, table)}, "
            f"{_need(table, plain, images)}."
        )
    return " ".join(said)


def _called(scores: Sequence[Score], place: int, table: ScoreTable) -> str:
    """Return a candidate and how far behind the first it is."""
    said = "plain training" if _what(scores[place]) == ("none", "none") else named(scores[place], scores[0])
    gap = 100 * float(table.figures[0] - table.figures[place])
    return f"{said}, {gap:.1f} points behind" if gap >= 0.05 else f"{said}, which does as well"


def _need(table: ScoreTable, place: int, images: int) -> str:
    needed = table.needed(0, place)
    if needed.images > PRACTICALLY:
        return "more than a hundred times as many images would be needed: take the two as equal"
    said = f"about {_round(images * needed.images):,} training images like these would be needed instead of {images:,}"
    if needed.seeds is not None:
        return f"{said}, or at least {needed.seeds} trainings a fold instead of {table.scores.shape[1]}"
    if table.figures[0] - table.figures[place] <= needed.floor:
        return (
            f"{said}; more trainings a fold cannot do it, since what the folds have in common leaves "
            f"{100 * needed.floor:.1f} points in doubt"
        )
    return f"{said}; not even {MOST_SEEDS} trainings a fold would do it"


def _round(value: float) -> int:
    """Return a number to two digits: it is a rule of thumb."""
    unit: int = 10 ** max(0, len(str(int(value))) - 2)
    return int(np.ceil(value / unit)) * unit
