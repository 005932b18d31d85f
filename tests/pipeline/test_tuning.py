"""Searches for settings, from a folder to a report, and after a kill."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.settings.study_file import read_study
from evenhand.study.tuning.figures import read_tuning

pytest.importorskip("optuna", reason="needs Optuna: pip install 'evenhand[tune]'")

Evenhand = Callable[..., Any]
OPTIONS = (
    "--preset quick --repair none --remedy none --remedy logit-adjust --folds 3 --seeds 1 --trials 5 --jobs 2 "
    "--quiet --json --set epochs=2 --set precision=float32"
)
WORDS = tuple(OPTIONS.split())


def finished(run: Path) -> dict[str, int]:
    """Return the finished trainings, and when each was written."""
    return {place.name: (place / "oof.npz").stat().st_mtime_ns for place in (run / "trials").glob("[!.]*")}


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_with_two_workers(
    evenhand: Evenhand, program: list[str], pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["tune", str(pictures), *WORDS, "--out", str(run)]
    process = subprocess.Popen([*program, *words], stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 300
    journal = run / "tune/journal.log"
    while not journal.is_file() or journal.read_text(encoding="utf-8").count("trainings") < 2:
        assert process.poll() is None, "the search ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = finished(run)
    assert before
    told = evenhand(*words).json
    after = finished(run)
    # Nothing was trained twice, and the trials in work were taken up: their numbers have no gap.
    assert {name: after[name] for name in before} == before
    found = read_tuning(run)
    assert found is not None
    assert [trial.number for trial in found.trials] == list(range(5))
    assert (told["trials"], told["unfinished"]) == (5, 0)
    assert told["best"]["settings"]["epochs"] == 2
    assert {rival["name"] for rival in told["against"]} == {"default", "recipe"}
    # The best is a study file that can be read, and a section of the report.
    study = read_study(run / "tune/best.toml")
    assert study.said["remedies"] == (told["best"]["remedy"],)
    assert f"learning_rate={told['best']['settings']['learning_rate']}" in study.changes
    assert "precision=float32" in study.changes
    page = Path(told["report"]).read_text(encoding="utf-8")
    assert "The search for settings" in page
    assert "--trials 5" in page
    # The fresh folds are others than those of the search.
    places = [run / "cache" / scope / "rows.npz" for scope in ("study", "fresh")]
    assert places[0].read_bytes() != places[1].read_bytes()
    asked = json.loads((run / "study.json").read_text(encoding="utf-8"))["settings"]
    assert asked["remedies"] == ["none", "logit-adjust"]
