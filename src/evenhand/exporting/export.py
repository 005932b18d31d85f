"""The export: write, compare with the product on raw files, and only then keep."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.disk import unwritable, write_bytes, write_json
from evenhand.exporting.held_out import HeldOut, as_evaluated, held_out
from evenhand.exporting.onnx_file import check_installed, to_onnx
from evenhand.exporting.onnx_model import ENDING, OnnxModel
from evenhand.exporting.parity import Parity, asked, compared, require
from evenhand.exporting.price import Price, price
from evenhand.exporting.quantise import quantise
from evenhand.progress import SILENT, Progress
from evenhand.records.values import SCHEMA_VERSION, Floats
from evenhand.training.model_file import Model

BESIDE = ".json"
"""The figures of ``model.onnx`` lie in ``model.onnx.json``."""


@dataclass(frozen=True)
class Exported:
    """What an export left: the file, how it compares with the product, and, where asked for, what 8 bits cost."""

    path: Path
    classes: tuple[str, ...]
    size: tuple[int, int]
    parity: Parity
    int8: Path | None = None
    price: Price | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "onnx": str(self.path),
            "bytes": self.path.stat().st_size,
            "classes": list(self.classes),
            "size": list(self.size),
            "parity": self.parity.to_json(),
            "int8": {"onnx": str(self.int8), **self.price.to_json()} if self.price else None,
        }


def export(
    model: Model,
    target: Path,
    data: Path,
    facts: dict[str, Any],
    *,
    test: Path | None = None,
    int8: bool = False,
    limit: int | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Exported:
    """Write a model as ONNX, unless onnxruntime on raw files says something else than the model does.

    Parameters
    ----------
    model : Model
    target : Path
        The file to write, ending in ``.onnx``; with `int8` another one beside it ends in ``.int8.onnx``.
    data : Path
        Labelled images of any kind; the test images among them are compared, else the validation images, else all.
    facts : dict
        JSON values to keep in the file.
    test : Path, optional
        Test images that lie apart.
    int8 : bool
        Write the model in 8 bits too.
    limit : int, optional
        Compare at most so many images.
    jobs : int
        Processes that decode.
    progress : Progress

    Raises
    ------
    ExportError
        When the two differ in a class, or in a probability by more than 1e-4; nothing is written then.
    DataError
        When there are no images that can be read.
    UsageError
        When onnx or onnxruntime is not installed.
    EvenhandError
        When the file cannot be written.
    """
    check_installed()
    with tempfile.TemporaryDirectory(prefix="evenhand-") as name:
        scratch = Path(name)
        images = held_out(data, scratch / "source", model.classes, test=test, limit=limit)
        pixels, places = as_evaluated(images, model.size, scratch / "pixels", jobs=jobs, progress=progress)
        written = scratch / f"whole{ENDING}"
        written.write_bytes(to_onnx(model, facts))
        exported, found = asked(OnnxModel(written), images, progress)
        parity = compared(model.probabilities(pixels), places, exported, found, images)
        require(parity)
        small, costs = None, None
        if int8:
            small = scratch / f"small{ENDING}"
            costs = _small(written, small, images, exported, model, scratch, progress)
        del pixels
        _keep(written, target, {"parity": parity.to_json()})
        beside = target.with_name(target.name.removesuffix(ENDING) + f".int8{ENDING}")
        if small and costs:
            _keep(small, beside, {"price": costs.to_json()})
    return Exported(target, model.classes, model.size, parity, beside if small else None, costs)


def _small(
    whole: Path, small: Path, images: HeldOut, before: Floats, model: Model, scratch: Path, progress: Progress
) -> Price:
    quantise(whole, small, images.training or images.locators, scratch)
    after, places = asked(OnnxModel(small), images, progress)
    return price(
        images.labels[places],
        before,
        after,
        model.classes,
        sizes=(whole.stat().st_size, small.stat().st_size),
        calibrated_on="training images" if images.training else f"the same {images.split} images that it is judged on",
    )


def _keep(made: Path, target: Path, figures: dict[str, Any]) -> None:
    """Put a file and its figures in their place; the figures of an older file do not outlive it."""
    described = target.with_name(target.name + BESIDE)
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        described.unlink(missing_ok=True)
    write_bytes(target, made.read_bytes())
    write_json(described, {"schema_version": SCHEMA_VERSION} | figures)


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(target, error) from error
