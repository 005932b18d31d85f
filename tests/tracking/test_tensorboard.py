import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event

from evenhand.errors import EvenhandError
from evenhand.tracking.tensorboard import TensorBoard
from evenhand.tracking.tracked import Tracked
from evenhand.tracking.tracker import check_tracker

TRIAL = Tracked(
    "k" * 20,
    "none seed 0 fold 1 kkkkkkkk",
    {"remedy": "none", "seed": 0, "diverged": False, "recipe.rate": 0.5},
    {"loss/step": ((1, 0.75), (2, 0.5))},
    {"held_out/accuracy": 0.25},
    2.5,
    1_700_000_000.0,
)


def events(folder: Path) -> list[Any]:
    """Read an event file as TensorBoard does: length, its check sum, the event, its check sum."""
    (file,) = folder.iterdir()
    content, found = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        assert struct.unpack("<I", content[8:12])[0] == masked(content[:8])
        assert struct.unpack("<I", content[12 + length : 16 + length])[0] == masked(content[12 : 12 + length])
        found.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return found


def masked(content: bytes) -> int:
    check = crc32c(content)
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_tracker(TensorBoard, tmp_path / "tracking/tensorboard")


def test_curves_figures_and_settings_are_events_of_the_trials_time(tmp_path: Path) -> None:
    TensorBoard(tmp_path / "tb").write(TRIAL)
    found = events(tmp_path / "tb" / ("k" * 20))
    told = [(value.tag, event.step, value.simple_value) for event in found for value in event.summary.value]
    scalars = [row for row in told if not row[0].startswith("_hparams_")]
    assert scalars == [
        ("loss/step", 1, 0.75),
        ("loss/step", 2, 0.5),
        ("held_out/accuracy", 0, 0.25),
        ("seconds", 0, 2.5),
    ]
    assert {event.wall_time for event in found if event.summary.value} == {1_700_000_000.0}
    whole = (next((tmp_path / "tb" / ("k" * 20)).iterdir())).read_bytes()
    for word in (b"_hparams_/session_start_info", b"remedy", b"recipe.rate", b"k" * 20):
        assert word in whole


def test_what_a_killed_process_left_is_no_trial_and_goes_away(tmp_path: Path) -> None:
    (tmp_path / ".tmp-dead").mkdir()
    (tmp_path / ".tmp-working").mkdir()
    os.utime(tmp_path / ".tmp-dead", (1, 1))
    assert TensorBoard(tmp_path).known() == frozenset()
    assert [path.name for path in tmp_path.iterdir()] == [".tmp-working"]


def test_a_trial_that_another_process_has_written_stays(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path)
    first.write(TRIAL)
    before = next((tmp_path / TRIAL.key).iterdir()).name
    TensorBoard(tmp_path).write(TRIAL)
    assert [path.name for path in (tmp_path / TRIAL.key).iterdir()] == [before]
    assert first.known() == {TRIAL.key}


def test_a_place_that_cannot_be_written(tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EvenhandError, match=r"Could not write .*there is a file of that name"):
        TensorBoard(tmp_path / "file")
    there = TensorBoard(tmp_path / "there")
    read_only(tmp_path / "there")
    with pytest.raises(EvenhandError, match="read-only"):
        there.write(TRIAL)
