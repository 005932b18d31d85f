"""The command `review` on a real run, and when it cannot begin."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from evenhand.review.queue import read_queue
from evenhand.review.session import Session

Evenhand = Callable[..., Any]


def test_a_real_run_can_be_reviewed(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--preset", "quick", "--folds", "3", "--jobs", "1", "--set", "epochs=1", "--remedy", "none", "--quiet"]
    assert evenhand("run", pictures, "--out", run, *words).code == 0
    session = Session(run, read_queue(run), "me")
    queue = session.queue
    trained = queue.lists["suspects"]
    assert not np.isnan(queue.probabilities[trained]).any()
    assert np.allclose(queue.probabilities[trained].sum(axis=1), 1, atol=1e-4)
    tested = queue.lists["test"]
    assert (queue.manifest.split[tested] == "test").all()
    assert (np.diff(queue.suspicion[tested]) <= 0).all()
    assert session.item("test", 0)["reason"].startswith("The final model ")
    # A correction of a test label shows beside the given ones.
    label = next(name for name in queue.manifest.classes if name != session.item("test", 0)["given"])
    session.decide([(int(tested[0]), "label", label)])
    told = evenhand("evaluate", run / "model", pictures, "--edits", run / "edits.jsonl", "--json").json
    assert told["corrected"]["per_class"][label]["support"] >= told["per_class"][label]["support"] + 1


def test_the_address_is_printed_and_ctrl_c_is_a_good_end(program: list[str], finished: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished[0], tmp_path / "run"))
    with subprocess.Popen(
        [*program, "review", str(run), "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert told[0] == f"Ledger: {run / 'edits.jsonl'}\n"
    assert told[1].startswith("Review: http://127.0.0.1:")
    assert (process.returncode, out) == (0, "")
    assert "0 pictures are settled" in err


def test_what_cannot_be_reviewed_is_said(evenhand: Evenhand, tmp_path: Path) -> None:
    said = evenhand("review", tmp_path, "--no-browser")
    assert (said.code, said.out) == (2, "")
    assert "is no run folder" in said.err
    with mock.patch.dict(sys.modules, {"starlette": None}):
        said = evenhand("review", tmp_path, "--no-browser")
    assert said.code == 2
    assert "pip install 'evenhand[serve]'" in said.err
