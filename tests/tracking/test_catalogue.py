import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.errors import UsageError
from evenhand.pipeline.desk import opened
from evenhand.progress import SILENT
from evenhand.settings.commands import Settings
from evenhand.tracking import catalogue
from evenhand.tracking.catalogue import check_name, tracker_named


def test_a_place_that_is_named_is_taken(tmp_path: Path) -> None:
    run = tmp_path / "run"
    tracker_named(f"tensorboard:{tmp_path / 'elsewhere'}", run)
    assert (tmp_path / "elsewhere").is_dir()
    assert not (run / "tracking").exists()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("tensorbord", "There is no tracker 'tensorbord'. Did you mean 'tensorboard'?"),
        ("tensorboard:", "names no place behind the colon. Write --track tensorboard, or tensorboard:FOLDER."),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(asked)
    assert words in str(caught.value)


def test_a_package_that_is_missing_is_told_before_any_work(
    evenhand: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, pictures: Path, tmp_path: Path
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        catalogue.importlib.util, "find_spec", lambda name: None if name == "tensorboardX" else found(name)
    )
    said = evenhand("audit", pictures, "--out", tmp_path / "run", "--track", "tensorboard", "--quiet")
    assert said.code == 2
    assert "--track tensorboard needs the package tensorboardX. Install it with: pip install" in said.err
    assert not (tmp_path / "run").exists()


def test_a_command_writes_its_trainings_when_it_is_done(pictures: Path, tmp_path: Path) -> None:
    settings = Settings(data=pictures, out=tmp_path / "run", preset="quick", track=("tensorboard",), jobs=1)
    curve = (["kind", "number", "loss"], [["epoch", 1, "0.5"]])
    arrays = {"rows": np.arange(2), "logits": np.zeros((2, 3), dtype=np.float32)}

    def interrupted() -> None:
        with opened(settings, "audit", SILENT) as desk:
            desk.run.commit_trial("a" * 20, {"remedy": "none"}, arrays, curve, 1.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "run/tracking/tensorboard").iterdir()) == []
    for _ in range(2):
        with opened(settings, "audit", SILENT):
            pass
        (written,) = (tmp_path / "run/tracking/tensorboard").iterdir()
        assert written.name == "a" * 20
        assert len(list(written.iterdir())) == 1
