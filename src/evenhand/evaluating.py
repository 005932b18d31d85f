"""From a trained model and labelled images to every figure."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from evenhand.auditing.scan import Scan, scan
from evenhand.errors import DataError, UsageError
from evenhand.evaluation.metrics import evaluate as figures
from evenhand.progress import SILENT, Progress
from evenhand.records import Evaluation, Ints
from evenhand.settings import Evaluate
from evenhand.training.model_file import Model, load_foreign, load_model


def evaluate(request: Evaluate, progress: Progress = SILENT) -> Evaluation:
    """Return the figures of a model on labelled images; classes are matched by name.

    Parameters
    ----------
    request : Evaluate
        The words of the command.
    progress : Progress
        Told how far the work is.

    Raises
    ------
    UsageError
        When a foreign file of weights comes without the network's name.
    ModelFileError
        When the model cannot be loaded.
    DataError
        When the data have no images, or a class that the model does not know.
    """
    with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
        if request.model.is_dir():
            model = load_model(request.model)
            found = _scan(request, Path(scratch), model.classes, model.size, progress)
        else:
            found = _scan(request, Path(scratch), request.classes, request.size, progress)
            model = _foreign(request, found)
        rows = _rows(request, found)
        manifest = found.dataset.manifest
        return figures(manifest.given[rows], model.probabilities(found.dataset.pixels[rows]), manifest.classes)


def _scan(
    request: Evaluate,
    scratch: Path,
    classes: tuple[str, ...] | None,
    size: tuple[int, int] | None,
    progress: Progress,
) -> Scan:
    jobs = request.jobs or os.cpu_count() or 1
    return scan(request.data, cache=scratch, classes=classes, size=size, jobs=jobs, progress=progress, least_classes=1)


def _foreign(request: Evaluate, found: Scan) -> Model:
    if request.network is None:
        raise UsageError(
            f"{request.model} is no model folder; a file of weights needs --model NAME and --classes A,B,C."
        )
    return load_foreign(request.model, request.network, found.dataset.manifest.classes, found.dataset.size)


def _rows(request: Evaluate, found: Scan) -> Ints:
    """Return the rows asked for; "auto" means the test images where there are any, else all."""
    manifest = found.dataset.manifest
    tested = manifest.where("test")
    if request.split == "all" or (request.split == "auto" and not len(tested)):
        return np.arange(len(manifest), dtype=np.int64)
    rows = tested if request.split == "auto" else manifest.where(request.split)
    if not len(rows):
        raise DataError(f"{request.data} has no {request.split} images. Leave --split out to use what there is.")
    return rows
