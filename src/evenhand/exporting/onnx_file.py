"""Writing ONNX: one file, from bytes to probabilities, any number of images at a time, with everything said in it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch

import evenhand
from evenhand.errors import ExportError, UsageError
from evenhand.exporting.onnx_model import INPUT, OUTPUT
from evenhand.exporting.whole_model import WholeModel
from evenhand.records.values import SCHEMA_VERSION
from evenhand.training.model_file import Model

OPSET = 18
"""Of the operators used; every onnxruntime since 1.14 has them."""
PIXELS = "uint8, images x height x width x 3, RGB, upright, transparency laid over white"
RESIZE = "Pillow's resize to size (height, width) with BICUBIC; images of that size as they are; aspect is not kept"


def check_installed() -> None:
    """Refuse kindly when what writes and runs ONNX is not there.

    Raises
    ------
    UsageError
        When it is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"Exporting needs the package {error.name}. Install it with: pip install 'evenhand[export]'"
        ) from error


def to_onnx(model: Model, facts: Mapping[str, Any]) -> bytes:
    """Return the model as an ONNX file: `INPUT` (n, height, width, 3) uint8, `OUTPUT` (n, K) float32 probabilities.

    The same model gives the same bytes; nothing in them tells of the machine they were made on.

    Parameters
    ----------
    model : Model
    facts : mapping
        JSON values to keep in the metadata besides classes, size, pixels, resize and version.

    Raises
    ------
    UsageError
        When onnx, onnxscript or onnxruntime is not installed.
    ExportError
        When the network holds something that ONNX has no word for.
    """
    check_installed()
    example = torch.zeros((2, *model.size, 3), dtype=torch.uint8)
    try:
        with _quietly():
            program = torch.onnx.export(
                WholeModel(model),
                (example,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("images")},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter's errors have no common kind
        raise ExportError(
            f"The model {model.recipe.model!r} cannot be written as ONNX: {error}. Nothing was written."
        ) from error
    if program is None:
        raise ExportError(f"The model {model.recipe.model!r} cannot be written as ONNX: nothing came back.")
    proto = program.model_proto
    _forget_the_machine(proto)
    described = {
        "schema_version": SCHEMA_VERSION,
        "evenhand": evenhand.__version__,
        "classes": list(model.classes),
        "size": list(model.size),
        "pixels": PIXELS,
        "resize": RESIZE,
        **facts,
    }
    describe(proto, described)
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def describe(proto: Any, facts: Mapping[str, Any]) -> None:
    """Write JSON values into the metadata of an ONNX model, in place of what was there."""
    del proto.metadata_props[:]
    for name in sorted(facts):
        prop = proto.metadata_props.add()
        prop.key, prop.value = name, json.dumps(facts[name], ensure_ascii=False, sort_keys=True)


def _forget_the_machine(proto: Any) -> None:
    """Take out names of files and lines of code, which the exporter leaves everywhere."""
    proto.producer_name, proto.producer_version, proto.doc_string = "evenhand", evenhand.__version__, ""
    graph = proto.graph
    graph.name, graph.doc_string = "evenhand", ""
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for function in proto.functions:
        function.doc_string = ""
        for part in (function, *function.node):
            part.doc_string = ""
            del part.metadata_props[:]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what the exporter says to its own developers from people."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
