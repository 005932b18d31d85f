"""The export as a whole: what it leaves when both agree, and that it leaves nothing when they do not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evenhand.errors import DataError, EvenhandError, ExportError
from evenhand.exporting import onnx_file
from evenhand.exporting.export import export
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.exporting.whole_model import WholeModel
from handed_over import model, picture_folder

CLASSES = ("a", "b", "c")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    for split in ("train", "test"):
        picture_folder(place / split, {"a": 4, "b": 3, "c": 2}, sizes=((32, 32), (50, 33), (20, 64)))
    (place / "test/a/0001.jpg").write_bytes(b"\xff\xd8\xff broken")
    return place


def test_what_agrees_is_kept_with_its_figures(data: Path, tmp_path: Path) -> None:
    made = model(classes=CLASSES, members=2, flips=True, temperature=0.8, logit_offsets=(1.0, 0.0, -1.0))
    found = export(made, tmp_path / "out/model.onnx", data, {"data": "f"}, int8=True)
    assert (found.parity.n, found.parity.split, found.parity.other_class) == (8, "test", 0)
    assert found.parity.largest < 1e-5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "model.int8.onnx",
        "model.int8.onnx.json",
        "model.onnx",
        "model.onnx.json",
    ]
    assert json.loads((tmp_path / "out/model.onnx.json").read_text())["parity"]["n"] == 8
    assert (
        json.loads((tmp_path / "out/model.int8.onnx.json").read_text())["price"]["calibrated_on"] == "training images"
    )
    assert OnnxModel(found.path).facts["data"] == "f"
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["int8"]["bytes_after"] == (tmp_path / "out/model.int8.onnx").stat().st_size


def wrong_scale(self: WholeModel, images: torch.Tensor) -> torch.Tensor:
    return self.of_scaled(images.permute(0, 3, 1, 2).to(torch.float32) * (1 / 250))


def wrong_colours(self: WholeModel, images: torch.Tensor) -> torch.Tensor:
    return self.of_scaled(images.flip(3).permute(0, 3, 1, 2).to(torch.float32) * (1 / 255))


@pytest.mark.parametrize("wrong", [wrong_scale, wrong_colours])
def test_what_does_not_agree_is_not_kept(
    wrong: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree: Callable[[Path], Any]
) -> None:
    monkeypatch.setattr(WholeModel, "forward", wrong)
    before = tree(tmp_path)
    with pytest.raises(ExportError, match="not the product") as told:
        export(model(classes=CLASSES), tmp_path / "out/model.onnx", data, {}, int8=True)
    assert told.value.exit_code == 5
    assert tree(tmp_path) == before


def test_an_older_export_survives_a_refusal(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out/model.onnx"
    export(model(classes=CLASSES), target, data, {})
    before = target.read_bytes()
    monkeypatch.setattr(WholeModel, "forward", wrong_scale)
    with pytest.raises(ExportError):
        export(model(classes=CLASSES), target, data, {})
    assert target.read_bytes() == before


def test_nothing_is_left_in_temporary_places(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    export(model(classes=CLASSES), tmp_path / "out/model.onnx", data, {}, int8=True)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_cannot_be_checked_or_written_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvenhandError, match="is a file"):
        export(model(classes=CLASSES), tmp_path / "file/model.onnx", data, {})
    with pytest.raises(DataError, match="class 'c'"):
        export(model(classes=("a", "b")), tmp_path / "model.onnx", data, {})
    monkeypatch.setattr(onnx_file, "check_installed", lambda: None)
    with pytest.raises(DataError):
        export(model(classes=CLASSES), tmp_path / "model.onnx", tmp_path / "absent", {})
