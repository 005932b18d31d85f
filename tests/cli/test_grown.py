"""A data set that has grown since the run: the same command goes on there, when asked to."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Evenhand = Callable[..., Any]


@pytest.fixture(scope="module")
def words(pictures: Path, quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """A comparison whose data can be changed."""
    place = tmp_path_factory.mktemp("grown")
    shutil.copytree(pictures, place / "data")
    return ["compare", place / "data", "--out", place / "run", "--remedy", "none", *quick]


def new_picture(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def test_a_run_grows_with_its_data_and_only_when_asked(evenhand: Evenhand, words: list[Any]) -> None:
    data, run = words[1], words[3]
    first = evenhand(*words, "--grown", "--json", "--quiet").json
    board, trials = (run / "leaderboard.csv").read_bytes(), {path.name for path in (run / "trials").iterdir()}
    new_picture(data / "test/Cars/new.png", 1)
    refused = evenhand(*words, "--quiet")
    assert refused.code == 3
    assert "1 images are new, and none has changed or gone. Say --grown" in refused.err
    assert (run / "leaderboard.csv").read_bytes() == board

    # A test image changes no training: everything is read again, nothing trained.
    again = evenhand(*words, "--grown", "--json")
    assert "The data have grown by 1 images since the run before (Cars 1)." in again.err
    assert "the others were before" in again.err
    assert again.json["chosen"] == first["chosen"]
    assert {path.name for path in (run / "trials").iterdir()} == trials
    assert (run / "leaderboard.csv").read_bytes() == board == (run / "earlier/1/leaderboard.csv").read_bytes()
    assert len(list((run / "cache").glob("pixels-*.npy"))) == 1

    # A training image changes all of them, and the size of the pictures stays what it was.
    new_picture(data / "train/Cats/new.png", 2)
    assert evenhand(*words, "--grown", "--quiet").code == 0
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    assert study["grown"]["by_class"] == {"Cars": 0, "Cats": 1, "Trucks": 0}
    assert study["grown"]["earlier"] == "earlier/2"
    assert {path.name for path in (run / "earlier/2/trials").iterdir()} == trials
    assert trials.isdisjoint(path.name for path in (run / "trials").iterdir())
