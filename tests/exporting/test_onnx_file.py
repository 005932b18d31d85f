"""The exported file says what the model says, whatever the model is made of."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.errors import ExportError, UsageError
from evenhand.exporting import onnx_file
from evenhand.exporting.onnx_file import describe, to_onnx
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.models.heads import Shape
from evenhand.records.values import SCHEMA_VERSION
from handed_over import CLASSES, model, pixels

ALL = {"members": 2, "flips": True, "temperature": 1.7, "logit_offsets": (0.5, -1.0, 0.25)}

MODELS: dict[str, dict[str, Any]] = {
    "simple": {},
    "two that are averaged, mirrored, shifted, cooled": ALL,
    "simple, averaged down to its grid": {"size": (61, 75)},
    "resnet": {"network": "resnet", "size": (24, 40)},
    "resnet with a strided stem": {"network": "resnet", "size": (100, 100), "flips": True},
    "cosines": {"network": "resnet", "size": (16, 16), "shape": Shape("cosine", scale=20.0)},
    "experts": {"network": "resnet", "size": (16, 16), "shape": Shape(experts=3)},
}


@pytest.mark.parametrize("words", MODELS.values(), ids=MODELS)
def test_it_says_what_the_model_says_for_any_number_of_images(words: dict[str, Any], tmp_path: Path) -> None:
    made = model(**words)
    (tmp_path / "model.onnx").write_bytes(to_onnx(made, {}))
    found = OnnxModel(tmp_path / "model.onnx", threads=1)
    assert (found.classes, found.size) == (made.classes, made.size)
    for n in (1, 2, 67):
        images = pixels(n, made.size, seed=n)
        expected, answered = made.probabilities(images), found.probabilities(images)
        assert answered.shape == (n, 3)
        assert answered.dtype == np.float32
        np.testing.assert_allclose(answered, expected, atol=2e-6)
    assert len(set(made.probabilities(images).argmax(axis=1).tolist())) > 1 or "shape" in words
    assert found.probabilities(images[:0]).shape == (0, 3)


def test_every_part_of_the_model_is_in_the_file(tmp_path: Path) -> None:
    images = pixels(8)
    plain = model(members=2)
    (tmp_path / "model.onnx").write_bytes(to_onnx(model(**ALL), {}))
    found = OnnxModel(tmp_path / "model.onnx").probabilities(images)
    for name in ("flips", "temperature", "logit_offsets"):
        lacking = model(**{key: value for key, value in ALL.items() if key != name})
        assert np.abs(lacking.probabilities(images) - found).max() > 1e-3, name
    assert np.abs(plain.probabilities(images) - found).max() > 1e-3


def test_the_file_says_how_it_wants_its_images_and_nothing_of_the_machine(tmp_path: Path) -> None:
    data = to_onnx(model(), {"data": "fingerprint"})
    assert data == to_onnx(model(), {"data": "fingerprint"})
    (tmp_path / "model.onnx").write_bytes(data)
    facts = OnnxModel(tmp_path / "model.onnx").facts
    assert facts["classes"] == list(CLASSES)
    assert facts["size"] == [32, 32]
    assert facts["schema_version"] == SCHEMA_VERSION
    assert "BICUBIC" in facts["resize"]
    assert facts["data"] == "fingerprint"
    for trace in (b".py", b"site-packages", str(Path.home()).encode() + b"/", b"evenhand/models"):
        assert trace not in data, trace


def test_the_model_is_left_as_it_was() -> None:
    made = model("resnet", (16, 16))
    before = {name: value.clone() for name, value in made.members[0].state_dict().items()}
    made.members[0].train()
    to_onnx(made, {})
    assert made.members[0].training
    for name, value in made.members[0].state_dict().items():
        assert np.array_equal(value, before[name]), name


def test_what_cannot_be_exported_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object, **named: object) -> None:
        raise RuntimeError("no word for it")

    monkeypatch.setattr(onnx_file.torch.onnx, "export", fail)
    with pytest.raises(ExportError, match="no word for it") as told:
        to_onnx(model(), {})
    assert told.value.exit_code == 5


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"onnxscript.*pip install 'evenhand\[export\]'"):
        to_onnx(model(), {})


def test_facts_take_the_place_of_those_that_were_there() -> None:
    import onnx

    proto = onnx.ModelProto()
    describe(proto, {"b": [1, "ü"], "a": None})
    describe(proto, {"c": 1, "a": "x"})
    assert {prop.key: json.loads(prop.value) for prop in proto.metadata_props} == {"a": "x", "c": 1}
