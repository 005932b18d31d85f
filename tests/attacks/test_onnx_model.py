"""ONNX models: through a stand-in for a session, and, where onnxruntime is installed, through a file."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.onnx_model import onnx_victim, picture_size
from evenhand.errors import ModelFileError, UsageError


@dataclass
class Session:
    """What onnxruntime's session looks like from outside."""

    trained: Any
    shape: tuple[Any, ...] = ("n", 3, 12, 12)
    kind: str = "tensor(float)"

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="image", shape=list(self.shape), type=self.kind)]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="logits")]

    def run(self, names: list[str], given: dict[str, Any]) -> list[Any]:
        values = given["image"]
        assert names == ["logits"]
        assert isinstance(self.shape[0], str) or len(values) == self.shape[0]
        if self.kind == "tensor(uint8)":
            assert values.dtype == np.uint8
            values = values.astype(np.float32) * np.float32(1 / 255)
        if self.shape[3] == 3:
            values = values.transpose(0, 3, 1, 2)
        assert values.flags["C_CONTIGUOUS"] or self.shape[3] == 3
        with torch.no_grad():
            return [self.trained.network(torch.from_numpy(np.ascontiguousarray(values)).float()).numpy()]


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (("n", 3, 12, 12), "tensor(float)"),
        (("n", 12, 12, 3), "tensor(float)"),
        ((8, 3, 12, 12), "tensor(float)"),
        ((1, 12, 12, 3), "tensor(uint8)"),
        (("n", 3, "h", "w"), "tensor(double)"),
    ],
)
def test_a_session_can_be_asked(trained: Any, shape: tuple[Any, ...], kind: str) -> None:
    victim = onnx_victim(Session(trained, shape, kind))
    result = attack(victim, trained.images[:13], trained.labels[:13], "square:steps=40", eps=0.2)
    assert result.fooled.any()
    with torch.no_grad():
        expected = trained.network(trained.images[:13])
    np.testing.assert_allclose(result.clean_logits, expected.numpy(), rtol=1e-3, atol=1e-3)


def test_sizes_are_read_from_the_model(trained: Any) -> None:
    assert picture_size(Session(trained, ("n", 3, 12, 16))) == (12, 16)
    assert picture_size(Session(trained, ("n", 12, 16, 3))) == (12, 16)
    assert picture_size(Session(trained, ("n", 3, "h", "w"))) is None


def test_a_normalisation_is_applied(trained: Any) -> None:
    raw = Session(trained)
    victim = onnx_victim(raw, mean=0.0, std=0.5)
    with victim.held(trained.images * 0.4, 0):
        logits = victim.logits(trained.images * 0.4)
    with torch.no_grad():
        torch.testing.assert_close(logits, trained.network(trained.images * 0.8), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "kind"), [(("n", 432), "tensor(float)"), (("n", 3, 12, 12), "tensor(string)"), ((), "tensor(float)")]
)
def test_what_takes_no_images(trained: Any, shape: tuple[Any, ...], kind: str) -> None:
    with pytest.raises(ModelFileError, match="not a batch of images"):
        onnx_victim(Session(trained, shape, kind))


def test_bytes_are_not_normalised(trained: Any) -> None:
    with pytest.raises(UsageError, match="takes bytes"):
        onnx_victim(Session(trained, kind="tensor(uint8)"), mean=0.5, std=0.5)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no file"):
        onnx_victim(tmp_path / "absent.onnx")


def _field(number: int, content: bytes | int | str) -> bytes:
    """Return one field of a protocol buffer."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    data = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _value(name: str, dimensions: tuple[int | str, ...]) -> bytes:
    sizes = b"".join(_field(1, _field(2 if isinstance(size, str) else 1, size)) for size in dimensions)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, sizes)))


def linear_file(weights: np.ndarray) -> bytes:
    """Return the bytes of an ONNX file: images flattened, times a matrix."""
    matrix = _field(1, weights.shape[0]) + _field(1, weights.shape[1]) + _field(2, 1) + _field(8, "weights")
    matrix += _field(9, weights.astype("<f4").tobytes())
    graph = _field(1, _field(1, "image") + _field(2, "flat") + _field(4, "Flatten"))
    graph += _field(1, _field(1, "flat") + _field(1, "weights") + _field(2, "logits") + _field(4, "MatMul"))
    graph += _field(2, "linear") + _field(5, matrix)
    graph += _field(11, _value("image", ("n", 3, 4, 4))) + _field(12, _value("logits", ("n", weights.shape[1])))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


def test_a_real_file(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime comes with evenhand[serve]")
    weights = np.random.default_rng(0).standard_normal((48, 3)).astype(np.float32)
    (tmp_path / "model.onnx").write_bytes(linear_file(weights))
    images = torch.rand(5, 3, 4, 4)
    labels = (images.flatten(1) @ torch.from_numpy(weights)).argmax(dim=1)
    result = attack(onnx_victim(tmp_path / "model.onnx"), images, labels, "square:steps=60", eps=0.4)
    assert result.fooled.any()
    assert picture_size(tmp_path / "model.onnx") == (4, 4)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="can be read"):
        onnx_victim(tmp_path / "broken.onnx")
