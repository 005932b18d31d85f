import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from evenhand.errors import ModelFileError, UsageError
from evenhand.exporting.onnx_file import describe, to_onnx
from evenhand.exporting.onnx_model import OnnxModel
from handed_over import model, pixels


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    path.write_bytes(to_onnx(model(), {}))
    return path


def test_several_threads_may_ask_at_once(exported: Path) -> None:
    found, images = OnnxModel(exported, threads=1), pixels(12)
    alone = found.probabilities(images)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(found.probabilities, [images] * 12):
            np.testing.assert_array_equal(together, alone)


def test_it_needs_no_torch(exported: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from evenhand.exporting.onnx_model import OnnxModel
OnnxModel(Path({str(exported)!r}))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def _without(facts: dict[str, Any]) -> None:
    facts.clear()


def _newer(facts: dict[str, Any]) -> None:
    facts["schema_version"] = 99


def _classless(facts: dict[str, Any]) -> None:
    del facts["classes"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [(_without, "not written by `evenhand export`"), (_newer, "version 99"), (_classless, "does not name its classes")],
)
def test_other_files_are_refused_with_the_reason(
    exported: Path, tmp_path: Path, damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    proto = onnx.load(exported)
    facts = {prop.key: json.loads(prop.value) for prop in proto.metadata_props}
    damage(facts)
    describe(proto, facts)
    onnx.save(proto, tmp_path / "other.onnx")
    with pytest.raises(ModelFileError, match=message):
        OnnxModel(tmp_path / "other.onnx")


def test_a_model_of_another_program_is_refused(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "other", [value("x", 1, ["n", 3])], [value("y", 1, ["n", 3])]
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(proto, tmp_path / "other.onnx")
    with pytest.raises(ModelFileError, match=r"takes x and gives y"):
        OnnxModel(tmp_path / "other.onnx")


def test_what_is_no_file_or_no_model_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFileError, match="no file"):
        OnnxModel(tmp_path / "absent.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="can be read"):
        OnnxModel(tmp_path / "broken.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"evenhand\[serve\]"):
        OnnxModel(tmp_path / "broken.onnx")
