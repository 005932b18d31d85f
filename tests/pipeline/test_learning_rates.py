"""Studies of the recipe, from a folder to a report."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.cli.options import settings
from evenhand.data.manifest import read_manifest
from evenhand.pipeline.desk import opened
from evenhand.pipeline.learning_rates import rate_plan
from evenhand.progress import SILENT

Evenhand = Callable[..., Any]
WORDS = ("--preset", "quick", "--recipe", "reference", "--epochs", "3", "--quiet", "--json")
RATES = ("--rate", "1e-10", "--rate", "1e-4", "--rate", "1e-3", "--rate", "1000")


def finished(run: Path) -> dict[str, int]:
    """Return the finished trials, and when each was written."""
    return {place.name: (place / "oof.npz").stat().st_mtime_ns for place in (run / "trials").glob("[!.]*")}


@pytest.mark.slow
def test_a_study_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    evenhand: Evenhand, program: list[str], pictures: Path, tmp_path: Path
) -> None:
    words = ["lr", str(pictures), *WORDS, *RATES, "--jobs", "1"]
    process = subprocess.Popen(
        [*program, *words, "--out", str(tmp_path / "killed")], stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed/trials").is_dir() or not finished(tmp_path / "killed"):
        assert process.poll() is None, "the study ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = finished(tmp_path / "killed")
    told = evenhand(*words, "--out", tmp_path / "killed").json
    after = finished(tmp_path / "killed")
    assert len(after) == 4
    assert {name: after[name] for name in before} == before
    calm = evenhand(*words, "--out", tmp_path / "calm").json
    assert told["rates"] == calm["rates"]
    one, other = (tmp_path / name / "learning_rate/summary.json" for name in ("killed", "calm"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_validation_images_judge_where_the_data_bring_them(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(pictures / "train", data / "train")
    for place in sorted((data / "train").iterdir()):
        (data / "val" / place.name).mkdir(parents=True)
        for image in sorted(place.glob("*.png"))[:4]:
            shutil.move(image, data / "val" / place.name / image.name)
    told = evenhand("lr", data, "--out", tmp_path / "run", "--rate", "1e-3", "--jobs", "1", *WORDS).json
    assert told["rates"][0]["validation_loss"] > 0
    kept = json.loads((tmp_path / "run/learning_rate/summary.json").read_text(encoding="utf-8"))
    manifest = read_manifest(tmp_path / "run/manifest.csv", ("Cars", "Cats", "Trucks"))
    own = manifest.where("val")
    assert (kept["source"], kept["held"]) == ("val", len(own))
    assert kept["images"] <= len(manifest.where("train"))


def test_what_is_held_out_is_never_trained_on(pictures: Path, tmp_path: Path) -> None:
    words = {"data": pictures, "out": tmp_path / "run", "seed": 0, "device": "cpu", "jobs": 1}
    asked = settings("lr", {**words, "preset": "quick", "remedy": ["none"], "repair": "none", "folds": 4})
    with opened(asked, "lr", SILENT) as desk:
        plan = rate_plan(desk)
        held = plan.bench.fold == plan.held
        assert (plan.source, plan.images) == ("fold", int((~held).sum()))
        groups = desk.manifest.group[plan.bench.rows]
        assert not set(groups[held].tolist()) & set(groups[~held].tolist())
        assert plan.trial(0.1, 0).held == (plan.held,)
        assert plan.trial(0.1, 0).key != plan.trial(0.2, 0).key != plan.trial(0.2, 1).key
