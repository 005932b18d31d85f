"""Quantisation: weights and activations in 8 bits, the ranges of activations taken from images."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.data.readers.source import Locator
from evenhand.errors import DataError, ExportError
from evenhand.exporting.held_out import raw
from evenhand.exporting.onnx_file import describe
from evenhand.exporting.onnx_model import INPUT, OnnxModel
from evenhand.records.values import Pixels

CALIBRATION = 256
"""Images that the ranges are taken from, evenly spread over those there are."""
_BATCH = 32
_HEAVY = ["Conv", "Gemm", "MatMul"]
"""The operators that are worth it; scaling, softmax and mean stay in float32."""


def quantise(path: Path, target: Path, locators: Sequence[Locator], scratch: Path) -> None:
    """Write an exported model in 8 bits; its metadata say so.

    Weights are quantised by channel to 7 of 8 bits, so that processors without special instructions do not overflow:
    the figures are the same everywhere.

    Parameters
    ----------
    path : Path
        What `to_onnx` wrote.
    target : Path
        The file to make.
    locators : sequence of Locator
        Images that show what activations are like; at most `CALIBRATION` of them are read.
    scratch : Path
        An existing folder for files in between.

    Raises
    ------
    DataError
        When none of the images can be read.
    ExportError
        When the network cannot be quantised.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = OnnxModel(path)
    images = _calibration(locators, model.size)
    prepared = scratch / "prepared.onnx"
    try:
        with _quietly():
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(target),
                _reader(images),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=_HEAVY,
                per_channel=True,
                reduce_range=True,
            )
    except Exception as error:  # onnxruntime's tools raise whatever they like
        raise ExportError(f"The model cannot be quantised: {error}. Leave --int8 out.") from error
    made = onnx.load(target)
    describe(made, model.facts | {"quantised": "int8, static, by channel"})
    target.write_bytes(made.SerializeToString(deterministic=True))


def _calibration(locators: Sequence[Locator], size: tuple[int, int]) -> Pixels:
    places = np.linspace(0, len(locators) - 1, min(CALIBRATION, len(locators))).round().astype(int)
    found = [pixels for pixels in (raw(locators[place], size) for place in places) if pixels is not None]
    if not found:
        raise DataError("None of the images that --int8 takes the ranges from can be read.")
    return np.stack(found)


def _reader(images: Pixels) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        """Hands out the images, some at a time."""

        def __init__(self) -> None:
            self.parts = iter(range(0, len(images), _BATCH))

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            """Return the next images, or None at the end."""
            first = next(self.parts, None)
            return None if first is None else {INPUT: images[first : first + _BATCH]}

    return Reader()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what the tools say to their own developers from people."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
