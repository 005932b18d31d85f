"""Everything a report tells, in one value."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.data.manifest import Dataset
from evenhand.records.audit import Audit, Decided
from evenhand.records.compared import Compared
from evenhand.records.comparison import Choice, Judged, RemedyResult
from evenhand.records.evaluation import Evaluation, TestResult
from evenhand.records.reproduce import Reproduce
from evenhand.reporting.robustness import Attacked
from evenhand.study.economy import Economy
from evenhand.study.leak_figures import Leakage
from evenhand.study.next_steps import WhatNext
from evenhand.study.rate_figures import RateStudy
from evenhand.study.replay import Replay
from evenhand.study.tuning.figures import Tuning


@dataclass(frozen=True)
class FinalModel:
    """How the model that was kept was made."""

    network: str
    members: int
    """Networks whose probabilities are averaged."""
    epochs: int
    trained_on: str
    """"train", or "all" where test images were added after the honest figure had been taken."""
    told: tuple[str, ...] = ()
    """Further sentences: how it was calibrated, what it was distilled from, how it decides."""


@dataclass(frozen=True)
class Reviewed:
    """What people decided about the pictures of a finished run; a further run will go by it, this one did not."""

    decided: Decided
    suspects: int
    """Images named as suspects that were decided on."""
    confirmed: int
    """Those of them whose label was indeed taken away: changed, or the image excluded."""


@dataclass(frozen=True)
class ReportData:
    """What a report is made of; what a run did not do is empty or None."""

    title: str
    dataset: Dataset
    audit: Audit
    results: tuple[RemedyResult, ...]
    """Rows of the leaderboard, best first; empty after an audit alone."""
    choice: Choice | None
    test: TestResult | None
    nested: Evaluation | None
    """The out-of-fold figure of the whole procedure, choosing included: the headline where there is no test set."""
    reproduce: Reproduce
    folds: int = 0
    """Parts that the training images were dealt into; 0 where that is not known."""
    held_out: int = 0
    """Parts of them that were held out, one after the other, to judge the candidates."""
    model: FinalModel | None = None
    judged: tuple[Judged, ...] = ()
    """Every candidate with every network that it was judged with; empty where that was not kept."""
    compared: tuple[Compared, ...] = ()
    """What the comparison adds to each row of the leaderboard; empty where that was not kept."""
    decided: Decided | None = None
    """What the edits say that the run went by; None where it went by none."""
    relabelled: tuple[tuple[str, str, int], ...] = ()
    """(label as filed, label by the edits, training images) of those edits."""
    reviewed: Reviewed | None = None
    leakage: Leakage | None = None
    """What leaks are worth; None where that was not measured."""
    economy: Economy | None = None
    """What was left out to save time; None where the run did not come so far."""
    what_next: WhatNext | None = None
    """What would help from here; None where that was not measured."""
    replay: Replay | None = None
    """The reference study's table beside the measured one; None for every other run."""
    attacks: tuple[Attacked, ...] = ()
    """Finished attacks on the run's model."""

    rates: RateStudy | None = None
    """What learning rates did; None where none were studied."""
    tuning: Tuning | None = None
    """What a search for settings found; None where there was none."""

    @property
    def headline(self) -> Evaluation | None:
        """The evaluation that the verdict speaks of: that of the test images, else the nested one."""
        return self.test.evaluation if self.test else self.nested

    @property
    def chosen(self) -> RemedyResult | None:
        """The row of the leaderboard that was chosen."""
        if self.choice is None:
            return None
        wanted = (self.choice.remedy, self.choice.repair, self.choice.model)
        return next((row for row in self.results if (row.remedy, row.repair, row.model) == wanted), None)

    @property
    def plain(self) -> RemedyResult | None:
        """The row of plain training: no remedy, no repair."""
        return next((row for row in self.results if (row.remedy, row.repair) == ("none", "none")), None)

    def beside(self, row: RemedyResult) -> Compared:
        """Return what the comparison adds to a row of the leaderboard."""
        return next((found for one, found in zip(self.results, self.compared, strict=False) if one is row), Compared())

    def is_tied(self, row: RemedyResult) -> bool:
        """Return whether a row cannot be told apart from the chosen one."""
        ties = self.choice.ties if self.choice else ()
        return row.name in ties or f"{row.name} ({row.model})" in ties
