"""A run's report, written again from the files of its folder."""

from __future__ import annotations

from pathlib import Path

from evenhand.reporting.gather import gather
from evenhand.reporting.reference_page import write_reference_page
from evenhand.reporting.report import write_report
from evenhand.study.reference import FILE as REFERENCE


def rebuild_report(run: Path) -> Path:
    """Write ``report.html`` from the files of a run folder; return its place.

    Raises
    ------
    UsageError
        When the folder is no run.
    """
    if (run / REFERENCE).is_file():
        return write_reference_page(run)
    return write_report(gather(run), run / "report.html")
