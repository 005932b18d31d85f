"""ONNX models, which can be asked but not differentiated."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.attacks.victim import Victim
from evenhand.errors import ModelFileError, UsageError

_FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
_BYTES = "tensor(uint8)"


def onnx_victim(
    model: str | Path | Any,
    *,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
    probabilities: bool = False,
) -> Victim:
    """Return an ONNX model as a victim of query attacks.

    Parameters
    ----------
    model : path or onnxruntime.InferenceSession
        Its first input takes a batch of images, channels first or last, as floats or as bytes of 0 to 255; its first
        output is one row of logits an image.
    mean, std : sequence of float, optional
        The normalisation that it expects.
    probabilities : bool
        Say that it returns probabilities.

    Raises
    ------
    ModelFileError
        When the file cannot be read or takes something other than images.
    UsageError
        When onnxruntime is not installed, or a model of bytes is given a normalisation.
    """
    session = _session(model)
    spec = session.get_inputs()[0]
    shape = list(spec.shape)
    if len(shape) != 4 or spec.type not in (*_FLOATS, _BYTES):
        raise ModelFileError(f"The ONNX model takes {spec.type} of shape {shape}, not a batch of images.")
    if spec.type == _BYTES and (mean is not None or std is not None):
        raise UsageError("The ONNX model takes bytes; a normalisation cannot be meant.")
    last = shape[3] in (1, 3) and shape[1] not in (1, 3)
    fixed = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
    names = [session.get_outputs()[0].name]

    def ask(images: NDArray[np.float32]) -> NDArray[Any]:
        values: NDArray[Any] = images.transpose(0, 2, 3, 1) if last else images
        if spec.type == _BYTES:
            values = np.rint(values * 255).clip(0, 255).astype(np.uint8)
        else:
            values = values.astype(_FLOATS[spec.type])
        values = np.ascontiguousarray(values)
        if fixed is None:
            return np.asarray(session.run(names, {spec.name: values})[0])
        # The file takes batches of one size only: the last one is filled up.
        short = -len(values) % fixed
        padded = np.concatenate([values, np.repeat(values[-1:], short, axis=0)])
        rows = [
            np.asarray(session.run(names, {spec.name: padded[first : first + fixed]})[0])
            for first in range(0, len(padded), fixed)
        ]
        return np.concatenate(rows)[: len(values)]

    return Victim(ask, mean=mean, std=std, probabilities=probabilities)


def picture_size(model: str | Path | Any) -> tuple[int, int] | None:
    """Return height and width of the images that an ONNX model takes; None where it takes any."""
    shape = list(_session(model).get_inputs()[0].shape)
    sides = shape[1:3] if len(shape) == 4 and shape[3] in (1, 3) and shape[1] not in (1, 3) else shape[2:4]
    return (sides[0], sides[1]) if len(sides) == 2 and all(isinstance(side, int) for side in sides) else None


def _session(model: str | Path | Any) -> Any:
    if not isinstance(model, str | Path):
        return model
    path = Path(model)
    if not path.is_file():
        raise ModelFileError(f"There is no file {path}.")
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise UsageError("ONNX models need onnxruntime: pip install 'evenhand[serve]'.") from error
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds, without a common one
        raise ModelFileError(f"{path} is not an ONNX model that can be read: {error}") from error
