import io

import pytest
from rich.console import Console

from evenhand.cli.console import LineProgress, TerminalProgress, progress
from evenhand.progress import SILENT


def test_a_log_gets_a_line_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress().stage("Training", 200) as tick:
        for _ in range(100):
            tick(2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Training (200)"
    assert lines[1] == "  Training: 20 of 200"
    assert lines[-1] == "  Training: 200 of 200"
    assert len(lines) == 11


def test_stages_of_few_or_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress().stage("Nothing", 0) as tick:
        tick(0)
    with LineProgress().stage("Two", 2) as tick:
        tick(1)
        tick(1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["Nothing (0)", "Two (2)", "  Two: 1 of 2", "  Two: 2 of 2"]


def test_a_terminal_gets_bars_and_names_are_not_taken_for_styles() -> None:
    shown = TerminalProgress()
    screen = io.StringIO()
    shown._console = Console(file=screen, force_terminal=True, width=100, highlight=False)
    shown.note("class [red]apples[/red]")
    with shown.stage("Decoding [b]", 4) as tick:
        tick(4)
    assert "class [red]apples[/red]" in screen.getvalue()
    assert "Decoding [b]" in screen.getvalue()
    assert "4/4" in screen.getvalue()


def test_who_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress(quiet=True) is SILENT
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(progress(quiet=False), LineProgress)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(progress(quiet=False), TerminalProgress)
    with SILENT.stage("Silence", 3) as tick:
        tick(3)
    SILENT.note("nothing")
