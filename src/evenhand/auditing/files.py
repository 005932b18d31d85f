"""The audit's folder in a run: tables for people and other programs, and a summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evenhand.data.manifest import SPLITS
from evenhand.disk import read_table, write_json, write_table
from evenhand.errors import EvenhandError
from evenhand.records.audit import Audit, ConfusedPair, Duplicate, Finding, LabelIssue, OddImage
from evenhand.records.values import Interval


def write_audit(folder: Path, audit: Audit) -> None:
    """Write the audit's tables, and a summary of them.

    They are ``balance.csv``, ``unreadable.csv``, ``duplicates.csv``, ``odd_images.csv``, ``label_issues.csv`` and
    ``summary.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    training = audit.counts["train"]
    total, largest = max(1, sum(training.values())), max(1, *training.values())
    write_table(
        folder / "balance.csv",
        ["class", "train", "val", "test", "share", "ratio"],
        [
            [name, *(audit.counts[split][name] for split in ("train", "val", "test")), *_shares(count, total, largest)]
            for name, count in training.items()
        ],
    )
    write_table(
        folder / "unreadable.csv",
        ["path", "kind", "detail"],
        [[row.path, row.kind, row.detail] for row in audit.findings],
    )
    write_table(
        folder / "duplicates.csv",
        ["group", "path", "split", "given", "conflict", "leaked", "kind"],
        [
            [row.group, row.path, row.split, row.given, _word(row.conflict), _word(row.leaked), row.kind]
            for row in audit.duplicates
        ],
    )
    write_table(
        folder / "odd_images.csv",
        ["path", "split", "reason", "score", "detail"],
        [[row.path, row.split, row.reason, f"{row.score:.2f}", row.detail] for row in audit.odd],
    )
    write_table(
        folder / "label_issues.csv",
        ["path", "given", "suggested", "suspicion", "flagged"],
        [[row.path, row.given, row.suggested, f"{row.suspicion:.6f}", _word(row.flagged)] for row in audit.issues],
    )
    # Written last: a summary says that the tables beside it are complete.
    write_json(folder / "summary.json", audit.to_json())


def read_audit(folder: Path) -> Audit:
    """Return the audit that `write_audit` wrote.

    Raises
    ------
    EvenhandError
        When a file of it is missing, damaged, or of another version.
    """
    try:
        return _read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvenhandError(
            f"The audit in {folder} cannot be read ({error!r}): it is damaged, or of another version of evenhand. "
            "Run the same command into another folder."
        ) from error


def _read(folder: Path) -> Audit:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    wrong = summary["wrong_labels_estimate"]
    classes = tuple(summary["classes"])
    return Audit(
        classes=classes,
        # Files keep the keys of an object in the order of the alphabet.
        counts={split: {name: summary["counts"][split][name] for name in classes} for split in SPLITS},
        findings=tuple(Finding(**row) for row in read_table(folder / "unreadable.csv")),
        duplicates=tuple(
            Duplicate(
                int(row["group"]),
                row["path"],
                row["split"],
                row["given"],
                row["conflict"] == "true",
                row["leaked"] == "true",
                row["kind"],
            )
            for row in read_table(folder / "duplicates.csv")
        ),
        issues=tuple(
            LabelIssue(row["path"], row["given"], row["suggested"], float(row["suspicion"]), row["flagged"] == "true")
            for row in read_table(folder / "label_issues.csv")
        ),
        wrong_labels=Interval(**wrong) if wrong else None,
        pairs=tuple(
            ConfusedPair(row["given"], row["true"], row["value"], row["low"], row["high"]) for row in summary["pairs"]
        ),
        notes=tuple(summary["notes"]),
        odd=tuple(
            OddImage(row["path"], row["split"], row["reason"], float(row["score"]), row["detail"])
            for row in read_table(folder / "odd_images.csv")
        ),
    )


def _shares(count: int, total: int, largest: int) -> tuple[str, str]:
    return f"{count / total:.4f}", f"{count / largest:.4f}"


def _word(value: bool) -> str:
    return "true" if value else "false"
