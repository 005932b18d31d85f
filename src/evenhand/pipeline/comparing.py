"""The comparison inside a run: every candidate screened, the best judged again, and the choice written down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from evenhand.disk import write_table
from evenhand.pipeline.auditing import label_audit, write_findings
from evenhand.pipeline.desk import Desk
from evenhand.pipeline.finishing import Chosen
from evenhand.pipeline.outlook import entered, what_next
from evenhand.records.audit import Audit
from evenhand.records.compared import Compared
from evenhand.records.comparison import Choice, Judged, RemedyResult
from evenhand.records.evaluation import Evaluation
from evenhand.study.bench import Bench
from evenhand.study.compare import best_of_each, choose, finalists, nested, ranked
from evenhand.study.conclude import compared
from evenhand.study.economy import Economy
from evenhand.study.judging import Score, judge, with_recipe
from evenhand.study.label_audit import WHOLE, LabelAudit, refined
from evenhand.study.next_steps import WhatNext
from evenhand.study.replay import Replay
from evenhand.study.results import write_judged, write_results
from evenhand.study.time_limit import COMPARISON, FINAL, FINALISTS, START
from evenhand.study.trial import Targets


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: rows best first, the choice, and the honest figure of choosing."""

    results: tuple[RemedyResult, ...]
    choice: Choice
    nested: Evaluation
    economy: Economy
    """What was not done: candidates that stopped early, and what a time limit left out."""
    what_next: WhatNext | None = None
    """What would help from here; None where it was not asked for."""
    replay: Replay | None = None
    """The reference study's table beside one's own, where it is replayed."""
    compared: tuple[Compared, ...] = ()
    """What the comparison adds to each row."""
    posterior: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    """What the audit believed of each training image while it judged; None without an audit."""

    @property
    def chosen(self) -> Chosen:
        """What the final model is made from."""
        return Chosen(self.choice, self.results, self.posterior)


def compared_all(desk: Desk) -> tuple[Desk, Audit, Comparison, Targets]:
    """Audit, screen every candidate, judge the best again with the larger model, write down the choice.

    The desk comes back with what was left out for want of time.
    """
    desk = desk.fitted(START)
    labels = label_audit(desk)
    write_findings(desk, labels)
    desk = desk.fitted(COMPARISON)
    preset, bench = desk.preset, desk.bench()
    repairs = [repair for repair in preset.repairs if labels or repair == "none"]
    screened = judge(
        bench,
        entered(desk, repairs),
        labels,
        trust=desk.settings.trust,
        seeds=preset.seeds,
        title="Comparing the groups" if preset.groups else f"Comparing remedies with the model {preset.screen}",
        halving=preset.halving,
        room=desk.room(bench, FINALISTS),
    )
    final: list[Score] = []
    desk = desk.fitted(FINALISTS)
    preset = desk.preset
    if preset.finalists:
        leading = finalists(screened, preset.finalists)
        final = judge(
            bench,
            with_recipe(leading, desk.recipe(preset.model)),
            labels,
            trust=desk.settings.trust,
            seeds=preset.seeds,
            title=f"Judging {len(leading)} finalists with the model {preset.model}",
            halving=preset.halving,
            room=desk.room(bench, FINAL),
        )
    comparison = _conclude(desk, bench, [*screened, *final], labels)
    desk = replace(desk, chosen=comparison.choice.remedy).with_curves()
    if labels is None:
        comparison = replace(comparison, what_next=what_next(desk, bench, comparison.choice, None))
        return desk, write_findings(desk, None), comparison, bench.workplace.targets(bench.as_given)
    judged = [score.result for score in final or screened]
    better = refined(labels, bench, judged, detector=desk.settings.detector)
    chosen = better.targets(bench, WHOLE, comparison.choice.repair, desk.settings.trust)
    comparison = replace(comparison, what_next=what_next(desk, bench, comparison.choice, (labels, better)))
    return desk, write_findings(desk, better), comparison, bench.workplace.targets(chosen)


def _conclude(desk: Desk, bench: Bench, scores: list[Score], labels: LabelAudit | None) -> Comparison:
    rows = best_of_each(scores)
    results = tuple(score.result for score in rows)
    beside = compared(bench, rows, ranked(scores), labels.whole.posterior if labels else None)
    choice = choose(scores, desk.preset.folds)
    honest = nested(bench, scores)
    write_judged(desk.run.path, [Judged.of(score.result) for score in scores])
    write_results(desk.run.path, results, choice, honest, beside)
    write_table(
        desk.run.path / "timings.csv",
        ["remedy", "repair", "model", "seconds"],
        [[result.remedy, result.repair, result.model, result.seconds] for result in results],
    )
    economy = Economy.of(score.result for score in scores)
    posterior = labels.whole.posterior if labels else None
    return Comparison(results, choice, honest, economy, compared=beside, posterior=posterior)
