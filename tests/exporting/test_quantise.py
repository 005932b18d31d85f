from pathlib import Path

import numpy as np
import pytest

from evenhand.data.readers.source import FileImage
from evenhand.errors import DataError
from evenhand.exporting.onnx_file import to_onnx
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.exporting.quantise import quantise
from handed_over import model, picture_folder, pixels


@pytest.mark.parametrize("network", ["simple", "resnet"])
def test_8_bits_take_less_room_and_say_nearly_the_same(
    network: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = picture_folder(tmp_path / "data", {"a": 40}, sizes=((32, 32), (40, 48)))
    (tmp_path / "model.onnx").write_bytes(to_onnx(model(network), {"data": "x"}))
    locators = [FileImage(path) for path in sorted(folder.rglob("*.*"))]
    quantise(tmp_path / "model.onnx", tmp_path / "small.onnx", locators, tmp_path)
    assert capfd.readouterr() == ("", "")
    whole, small = OnnxModel(tmp_path / "model.onnx"), OnnxModel(tmp_path / "small.onnx")
    assert small.facts == whole.facts | {"quantised": "int8, static, by channel"}
    images = pixels(64, seed=9)
    expected, found = whole.probabilities(images), small.probabilities(images)
    assert np.abs(expected - found).max() > 0
    assert (expected.argmax(axis=1) == found.argmax(axis=1)).mean() > 0.9
    if network == "simple":
        assert (tmp_path / "small.onnx").stat().st_size < 0.5 * (tmp_path / "model.onnx").stat().st_size


def test_without_an_image_nothing_is_known_of_the_ranges(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(to_onnx(model(), {}))
    with pytest.raises(DataError, match="--int8"):
        quantise(tmp_path / "model.onnx", tmp_path / "small.onnx", [FileImage(tmp_path / "absent.png")], tmp_path)
    assert not (tmp_path / "small.onnx").exists()
