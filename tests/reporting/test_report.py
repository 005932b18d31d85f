"""The report as one file: complete, self-contained, within its budget, the same bytes for the same run."""

from pathlib import Path
from types import ModuleType

from evenhand.reporting.report import LIMIT, write_report


def test_a_whole_run_fits_the_budget_and_is_written_the_same_twice(made_up: ModuleType, tmp_path: Path) -> None:
    first = write_report(made_up.report_data(), tmp_path / "report.html").read_bytes()
    second = write_report(made_up.report_data(), tmp_path / "again.html").read_bytes()
    assert first == second
    assert len(first) <= LIMIT
