"""From a trained model to files that others can use: what `export` does, with the run around the model in mind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.engines.local import cores
from evenhand.errors import UsageError
from evenhand.exporting.card import write_card
from evenhand.exporting.export import Exported
from evenhand.exporting.export import export as write_export
from evenhand.exporting.onnx_model import ENDING
from evenhand.exporting.opening import open_model
from evenhand.progress import SILENT, Progress
from evenhand.store import STUDY
from evenhand.training.model_file import CARD


@dataclass(frozen=True)
class Export:
    """The words of the command `export`. `data` and `test` are by default those of the model's run."""

    model: Path
    data: Path | None = None
    test: Path | None = None
    out: Path | None = None
    int8: bool = False
    limit: int | None = None
    network: str | None = None
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    jobs: int | None = None


def export(request: Export, progress: Progress = SILENT) -> Exported:
    """Export a model as ONNX, checked on raw images; the card of a model folder tells of it afterwards.

    Parameters
    ----------
    request : Export
        The words of the command.
    progress : Progress
        Told how far the work is.

    Raises
    ------
    ExportError
        When the exported model says something else than the product; nothing is written then.
    ModelFileError
        When the model cannot be found or loaded.
    UsageError
        When it is not known on which images to check, or words contradict the model.
    DataError
        When there are no images that can be read, or a class that the model does not know.
    """
    model = open_model(request.model, request.network, request.classes, request.size)
    target = request.out or (request.model if request.model.is_dir() else request.model.parent) / f"model{ENDING}"
    if target.suffix.lower() != ENDING:
        raise UsageError(f"--out {target} has to end in {ENDING}.")
    data, test = _images(request)
    found = write_export(
        model,
        target,
        data,
        _facts(request.model),
        test=test,
        int8=request.int8,
        limit=request.limit,
        jobs=request.jobs or cores(),
        progress=progress,
    )
    if request.model.is_dir() and target.parent.resolve() == request.model.resolve():
        write_card(request.model)
    return found


def _facts(model: Path) -> dict[str, Any]:
    """Return what the file says besides: which weights and data it is from, so that a stale one can be told."""
    if not model.is_dir():
        return {}
    made = json.loads((model / CARD).read_text(encoding="utf-8"))
    return {
        name: made[name]
        for name in ("weights_sha256", "data", "remedy", "repair", "prior", "training_counts", "costs")
        if made.get(name) is not None
    }


def _images(request: Export) -> tuple[Path, Path | None]:
    """Return the images to check on: those said, else those of the run that the model lies in."""
    if request.data is not None:
        return request.data, request.test
    study = request.model.parent / STUDY
    try:
        told = json.loads(study.read_text(encoding="utf-8")) if request.model.is_dir() else {}
    except (OSError, ValueError):
        told = {}
    if not isinstance(told, dict) or not told.get("data"):
        raise UsageError(
            "An export is checked on images, and no run around the model names any. Name some with --data."
        )
    data, test = Path(told["data"]), Path(told["test"]) if told.get("test") else None
    gone = next((place for place in (data, test) if place and not place.exists()), None)
    if gone:
        raise UsageError(
            f"An export is checked on images; those of the run were in {gone}, which is not there from here. Name "
            "labelled images with --data."
        )
    return data, request.test or test
