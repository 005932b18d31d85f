import csv
import json
from pathlib import Path

import pytest

from evenhand.errors import EvenhandError
from evenhand.study.tuning.figures import read_tuning, write_tuning
from tune_study import tuning


def test_what_was_found_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_tuning(tmp_path) is None
    made = tuning()
    folder = write_tuning(tmp_path, made)
    assert folder == tmp_path / "tune"
    assert read_tuning(tmp_path) == made
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made.trials)
    for row, trial in zip(rows, made.trials, strict=True):
        assert float(row["balanced_accuracy"]) == pytest.approx(trial.value, abs=1e-6)
        assert (row["state"], row["optimiser"]) == (trial.state, trial.point["optimiser"])
        # Of a remedy that the trial does not have there is no parameter.
        assert bool(row["sampler:q"]) == (trial.point["remedy"] == "sampler")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = write_tuning(tmp_path, tuning())
    told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    del told["best"]["rivals"]
    (folder / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(EvenhandError, match=r"summary\.json"):
        read_tuning(tmp_path)


def test_stopped_trials_are_counted() -> None:
    made = tuning(9)
    assert made.stopped == 3
    assert made.best.verdict == "better"
