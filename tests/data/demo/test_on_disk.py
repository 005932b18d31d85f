from collections.abc import Iterator
from pathlib import Path

import pytest

from evenhand.data.demo.on_disk import DemoTruth, check_settings, put
from evenhand.errors import EvenhandError, UsageError
from evenhand.progress import SILENT

ROWS = (("train/a/1.png", "a", "a"), ("train/a/2.png", "a", "b"))


def _files() -> Iterator[tuple[str, bytes]]:
    yield from ((path, path.encode()) for path, _, _ in ROWS)
    yield "train/a/odd, name.txt", b"no picture"


def test_files_and_their_truth_appear_together(tmp_path: Path) -> None:
    truth = DemoTruth(tmp_path / "deep" / "data", ROWS, broken={"train/a/odd, name.txt": "unsupported"})
    put(truth, _files, SILENT)
    assert truth.truth.read_text(encoding="utf-8") == "path,given,true\ntrain/a/1.png,a,a\ntrain/a/2.png,a,b\n"
    assert {path: (truth.folder / path).read_bytes() for path, _ in _files()} == dict(_files())
    assert truth.wrong == ("train/a/2.png",)
    put(truth, lambda: pytest.fail("written again"), SILENT)


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[tuple[str, bytes]]:
        yield ROWS[0][0], b"one"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put(DemoTruth(tmp_path / "data", ROWS), breaking, SILENT)
    assert not list(tmp_path.iterdir())


def test_other_contents_are_left_alone(tmp_path: Path) -> None:
    put(DemoTruth(tmp_path / "data", ROWS), _files, SILENT)
    with pytest.raises(UsageError, match="something other"):
        put(DemoTruth(tmp_path / "data", ROWS[:1]), _files, SILENT)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(UsageError, match="something other"):
        put(DemoTruth(tmp_path / "file", ROWS), _files, SILENT)
    with pytest.raises(EvenhandError, match="Could not write"):
        put(DemoTruth(tmp_path / "file" / "data", ROWS), _files, SILENT)


def test_settings_that_cannot_be_meant_are_refused() -> None:
    check_settings(100.0, 0)
    for scale, seed in ((0.0, 0), (100.5, 0), (float("nan"), 0), (1.0, -1)):
        with pytest.raises(UsageError):
            check_settings(scale, seed)
