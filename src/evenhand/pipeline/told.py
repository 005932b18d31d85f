"""What commands say of their results as JSON values: the command contract, for command line and Python alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand.pipeline.comparing import Comparison
from evenhand.pipeline.evaluating import Against
from evenhand.pipeline.run import RunOutcome
from evenhand.records.audit import Audit
from evenhand.records.evaluation import Evaluation
from evenhand.study.economy import Economy, read_economy
from evenhand.study.results import leaderboard_rows


def told_run(run: Path, outcome: RunOutcome) -> dict[str, Any]:
    """Return what `run` and `train` say."""
    comparison, test = outcome.comparison, outcome.test
    return {
        "run": str(run),
        "chosen": _chosen(comparison),
        "ties": list(comparison.choice.ties),
        "out_of_fold": comparison.nested.to_json(),
        "test": told_figures(test.evaluation, test.corrected) if test else None,
        "wrong_labels_estimate": outcome.audit.to_json()["wrong_labels_estimate"],
        "leakage": outcome.leakage.to_json() if outcome.leakage else None,
        "economy": comparison.economy.to_json(),
        "what_next": comparison.what_next.to_json() if comparison.what_next else None,
        "model": str(outcome.model),
        "report": str(outcome.report),
    }


def told_audit(run: Path, found: Audit, report: Path) -> dict[str, Any]:
    """Return what `audit` says; what a time limit did to it stands in the run folder."""
    economy = read_economy(run) or Economy()
    return {"run": str(run), "report": str(report), **found.to_json(), "economy": economy.to_json()}


def told_comparison(run: Path, comparison: Comparison, report: Path) -> dict[str, Any]:
    """Return what `compare` says."""
    return {
        "run": str(run),
        "chosen": _chosen(comparison),
        "ties": list(comparison.choice.ties),
        "leaderboard": leaderboard(comparison),
        "economy": comparison.economy.to_json(),
        "what_next": comparison.what_next.to_json() if comparison.what_next else None,
        **({"published": comparison.replay.to_json()} if comparison.replay else {}),
        "report": str(report),
    }


def told_evaluation(
    model: Path, found: Evaluation, corrected: Evaluation | None, against: Against | None
) -> dict[str, Any]:
    """Return what `evaluate` says."""
    compared = {"against": against.to_json()} if against else {}
    return {"model": str(model), **told_figures(found, corrected), **compared}


def told_figures(found: Evaluation, corrected: Evaluation | None) -> dict[str, Any]:
    """Return all figures on labels as given, and under ``corrected`` those on corrected ones, or None."""
    return {**found.to_json(), "corrected": corrected.to_json() if corrected else None}


def leaderboard(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the rows of the leaderboard, best first, with their seconds and the recall of each class."""
    rows = leaderboard_rows(comparison.results, comparison.compared)
    for row, result, beside in zip(rows, comparison.results, comparison.compared, strict=True):
        row["seconds"] = result.seconds
        row["recall"] = {one.name: one.recall for one in result.evaluation.per_class}
        row["expected_recall"] = beside.recall_of(result.evaluation.classes)
    return rows


def _chosen(comparison: Comparison) -> dict[str, Any]:
    choice = comparison.choice
    return {
        "remedy": choice.remedy,
        "repair": choice.repair,
        "model": choice.model,
        "reason": choice.reason,
        "needed": choice.needed or None,
    }
