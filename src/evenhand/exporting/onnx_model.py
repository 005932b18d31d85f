"""Reading ONNX: an exported model that is asked through onnxruntime, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.errors import ModelFileError, UsageError
from evenhand.records.values import SCHEMA_VERSION, Floats, Pixels

INPUT, OUTPUT = "images", "probabilities"
ENDING = ".onnx"
_MOST, _PIXELS = 64, 2**20
"""Images, and pixels of them, that are asked about at a time; more gain nothing and take memory."""


class OnnxModel:
    """A model that `evenhand export` wrote.

    `classes` are in the order of the probabilities, `size` is height and width in pixels, `facts` all that the file
    says of itself. Several threads may ask it at once.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file.
    threads : int
        Processor threads for one batch; 0 takes all cores.

    Raises
    ------
    UsageError
        When onnxruntime is not installed.
    ModelFileError
        When the file is missing, damaged, of another version, or was written by another program.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self._session = _session(path, threads)
        told = self._session.get_modelmeta().custom_metadata_map
        try:
            self.facts: dict[str, Any] = {name: json.loads(value) for name, value in told.items()}
            version = self.facts["schema_version"]
        except (ValueError, KeyError) as error:
            raise ModelFileError(
                f"{path} does not say how it wants its images: it was not written by `evenhand export`. Export the "
                "model folder again."
            ) from error
        if version != SCHEMA_VERSION:
            raise ModelFileError(
                f"{path} has version {version!r}, and this evenhand reads version {SCHEMA_VERSION}. Export the model "
                "again, or use the evenhand that wrote it."
            )
        try:
            self.classes = tuple(str(name) for name in self.facts["classes"])
            self.size = (int(self.facts["size"][0]), int(self.facts["size"][1]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelFileError(f"{path} does not name its classes and size: {error}. Export it again.") from error

    def probabilities(self, pixels: Pixels) -> Floats:
        """Return (n, K) float32 probabilities of (n, height, width, 3) uint8 pixels of this model's size."""
        if not len(pixels):
            return np.zeros((0, len(self.classes)), dtype=np.float32)
        batch = max(1, min(_MOST, _PIXELS // (self.size[0] * self.size[1])))
        parts = [
            np.asarray(self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(pixels[first : first + batch])})[0])
            for first in range(0, len(pixels), batch)
        ]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _session(path: Path, threads: int) -> Any:
    if not path.is_file():
        raise ModelFileError(f"There is no file {path}.")
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError("ONNX models need onnxruntime. Install it with: pip install 'evenhand[serve]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait take the processor from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds, without a common one
        raise ModelFileError(f"{path} is not an ONNX model that can be read: {error}") from error
    names = [one.name for one in session.get_inputs()], [one.name for one in session.get_outputs()]
    if names != ([INPUT], [OUTPUT]):
        raise ModelFileError(
            f"{path} takes {', '.join(names[0])} and gives {', '.join(names[1])}: it was not written by "
            "`evenhand export`. Export the model folder again."
        )
    return session
