"""What `audit`, `compare`, `train` and `run` hand back: the product's records, and how they show themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.api import display
from evenhand.disk import read_table
from evenhand.pipeline import told
from evenhand.pipeline.comparing import Comparison
from evenhand.pipeline.run import RunOutcome
from evenhand.records.audit import Audit, LabelIssue
from evenhand.records.comparison import Choice
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval, Pixels
from evenhand.store import STUDY

SHOWN = 12
"""Suspects that are shown."""


@dataclass(frozen=True, repr=False)
class AuditResult:
    """What is wrong with the data."""

    run: Path
    """The run folder; its tables are in ``audit/``."""
    report: Path
    audit: Audit
    """Counts, unreadable files, duplicates, suspected labels, odd images."""

    @property
    def suspects(self) -> tuple[LabelIssue, ...]:
        """The images whose label is called wrong, worst first."""
        return self.audit.flagged

    @property
    def wrong_labels(self) -> Interval | None:
        """About how many training labels are wrong, with the 95 % interval; None where that could not be told."""
        return self.audit.wrong_labels

    def to_json(self) -> dict[str, Any]:
        """Return what ``evenhand audit --json`` says."""
        return told.told_audit(self.run, self.audit, self.report)

    def __repr__(self) -> str:
        """Return the findings in a few words."""
        return f"AuditResult({_audited(self.audit)} Report: {self.report})"

    def _repr_html_(self) -> str:
        audit, counts = self.audit, self.audit.counts
        splits = [split for split, row in counts.items() if any(row.values())]
        table = display.table(
            ["class", *splits], [[name, *(counts[split][name] for split in splits)] for name in audit.classes]
        )
        notes = [display.paragraph(note) for note in audit.notes]
        places = display.places([("Tables", self.run / "audit"), ("Report", self.report)])
        return display.panel(_audited(audit), table, _suspects(self.run, self.suspects), *notes, places)


@dataclass(frozen=True, repr=False)
class ComparisonResult:
    """How remedies compare on the same folds and seeds, and what is chosen."""

    run: Path
    report: Path
    audit: Audit
    comparison: Comparison

    @property
    def chosen(self) -> Choice:
        """What is chosen, why, and what it cannot be told apart from (`ties`)."""
        return self.comparison.choice

    @property
    def ties(self) -> tuple[str, ...]:
        """The rows that cannot be told apart from the chosen one."""
        return self.comparison.choice.ties

    @property
    def leaderboard(self) -> list[dict[str, Any]]:
        """The rows of ``leaderboard.csv``, best first, for example for ``pandas.DataFrame``."""
        return told.leaderboard(self.comparison)

    def to_json(self) -> dict[str, Any]:
        """Return what ``evenhand compare --json`` says."""
        return told.told_comparison(self.run, self.comparison, self.report)

    def __repr__(self) -> str:
        """Return the choice in a few words."""
        return f"ComparisonResult({_chosen(self.chosen)} Report: {self.report})"

    def _repr_html_(self) -> str:
        return display.panel(
            _chosen(self.chosen),
            display.paragraph(self.chosen.reason),
            _board(self.comparison),
            *map(display.paragraph, _advice(self.comparison)),
            display.places([("Leaderboard", self.run / "leaderboard.csv"), ("Report", self.report)]),
        )


@dataclass(frozen=True, repr=False)
class RunResult:
    """The whole way: what was found and chosen, and the final model with its test figures.

    It stands for its model wherever a function takes one: ``evenhand.predict(result, images)``.
    """

    run: Path
    outcome: RunOutcome

    @property
    def model(self) -> Path:
        """The model folder."""
        return self.outcome.model

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.outcome.report

    @property
    def audit(self) -> Audit:
        """What is wrong with the data."""
        return self.outcome.audit

    @property
    def comparison(self) -> Comparison:
        """The rows of the comparison, best first, and more."""
        return self.outcome.comparison

    @property
    def chosen(self) -> Choice:
        """What was chosen, and why."""
        return self.outcome.comparison.choice

    @property
    def evaluation(self) -> Evaluation:
        """The headline: the figures on the test images; without any, those out of fold, the choice included."""
        return self.outcome.test.evaluation if self.outcome.test else self.outcome.comparison.nested

    def to_json(self) -> dict[str, Any]:
        """Return what ``evenhand run --json`` says."""
        return told.told_run(self.run, self.outcome)

    def __repr__(self) -> str:
        """Return the choice and the headline in a few words."""
        return f"RunResult({_chosen(self.chosen)} {self._headline()} Model: {self.model}. Report: {self.report})"

    def _repr_html_(self) -> str:
        test = self.outcome.test
        corrected = test.corrected.balanced_accuracy if test and test.corrected else None
        return display.panel(
            _chosen(self.chosen),
            display.paragraph(self._headline()),
            display.paragraph(
                f"On corrected labels: {display.percent(corrected.value)} ({display.between(corrected)})."
                if corrected
                else ""
            ),
            _board(self.comparison) if len(self.comparison.results) > 1 else "",
            display.figures(self.evaluation),
            *map(display.paragraph, _advice(self.comparison)),
            display.places([("Model", self.model), ("Report", self.report)]),
        )

    def _headline(self) -> str:
        where = f"{self.evaluation.n:,} test images" if self.outcome.test else "the training images, out of fold"
        return f"Balanced accuracy {display.with_interval(self.evaluation.balanced_accuracy)} on {where}."


def _audited(audit: Audit) -> str:
    said = [f"{audit.n:,} images of {len(audit.classes)} classes."]
    if audit.wrong_labels:
        wrong = audit.wrong_labels
        said.append(
            f"About {wrong.value:.0f} training labels are wrong ({wrong.low:.0f} to {wrong.high:.0f}); "
            f"{len(audit.flagged)} are named as suspects."
        )
    leaked = sum(row.leaked for row in audit.duplicates)
    for count, one, several in (
        (len(audit.findings), "file that could not be read", "files that could not be read"),
        (audit.exact_groups + audit.near_groups, "group of copies", "groups of copies"),
        (leaked, "copy of a test image outside the test", "copies of test images outside the test"),
        (len(audit.odd), "odd image", "odd images"),
    ):
        if count:
            said.append(f"{count:,} {one if count == 1 else several}.")
    return " ".join(said)


def _chosen(choice: Choice) -> str:
    repair = "" if choice.repair == "none" else f" with repair {choice.repair}"
    ties = f", tied with {len(choice.ties)} other{'s' * (len(choice.ties) > 1)}" if choice.ties else ""
    return f"Chosen: {choice.remedy}{repair}, model {choice.model}{ties}."


def _advice(comparison: Comparison) -> list[str]:
    """Return what would tell candidates apart, and what was not done."""
    return [text for text in (comparison.choice.needed, *comparison.economy.sentences()) if text]


def _board(comparison: Comparison) -> display.Html:
    """Return the leaderboard, all intervals on one scale."""
    rows, drawn = comparison.results, display.whiskers([row.judged for row in comparison.results])
    return display.table(
        ["remedy", "model", "balanced accuracy", "95 % interval", ""],
        [
            (
                f"{row.name}, {row.how_far}" if row.stopped else row.name,
                row.model,
                display.percent(row.judged.value),
                display.between(row.judged),
                drawing,
            )
            for row, drawing in zip(rows, drawn, strict=True)
        ],
    )


def _suspects(run: Path, issues: Sequence[LabelIssue]) -> str:
    """Return the worst suspects with their pictures."""
    if not issues:
        return ""
    rows = {row["path"]: number for number, row in enumerate(read_table(run / "manifest.csv"))}
    pixels = _decoded(run)
    shown = [
        (
            display.picture(pixels[rows[one.path]]) if pixels is not None and one.path in rows else "",
            one.given,
            one.suggested,
            f"{one.suspicion:.2f}",
            one.path,
        )
        for one in issues[:SHOWN]
    ]
    return display.table(["", "filed as", "suggested", "suspicion", "path"], shown)


def _decoded(run: Path) -> Pixels | None:
    """Return the decoded images of a run, memory-mapped; None where somebody has cleared the cache."""
    file = run / json.loads((run / STUDY).read_text(encoding="utf-8"))["pixels"]
    return np.load(file, mmap_mode="r", allow_pickle=False) if file.is_file() else None
