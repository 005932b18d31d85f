"""From a trained model and labelled images to every figure."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from evenhand.auditing.decisions import read_decisions
from evenhand.auditing.ledger import apply
from evenhand.auditing.scan import scan
from evenhand.data.manifest import Dataset, Manifest
from evenhand.engines.local import cores
from evenhand.errors import DataError, ModelFileError, UsageError, suggest
from evenhand.evaluation.metrics import evaluate as figures
from evenhand.models.catalogue import MODELS
from evenhand.progress import SILENT, Progress
from evenhand.records import Evaluation, Ints
from evenhand.settings import Evaluate
from evenhand.training.device import device_named
from evenhand.training.model_file import Model, load_foreign, load_model


def evaluate(request: Evaluate, progress: Progress = SILENT) -> Evaluation:
    """Return the figures of a model on labelled images, labels as given. Takes and raises as `evaluate_twice`."""
    return evaluate_twice(request, progress)[0]


def evaluate_twice(request: Evaluate, progress: Progress = SILENT) -> tuple[Evaluation, Evaluation | None]:
    """Return the figures of a model on labels as given, and on corrected ones where edits change any.

    Classes are matched by name.

    Parameters
    ----------
    request : Evaluate
        The words of the command.
    progress : Progress
        Told how far the work is.

    Raises
    ------
    UsageError
        When a foreign file of weights comes without the network's name, or a model folder with other words than its.
    ModelFileError
        When the model cannot be found or loaded.
    DataError
        When the data have no images, or a class that the model does not know.
    """
    decisions = read_decisions(request.edits)
    with opened(request, progress) as (model, dataset, rows):
        manifest = apply(dataset.manifest, decisions.in_force).manifest
        for note in decisions.notes():
            progress.note(note)
        probabilities = model.probabilities(dataset.pixels[rows])
        given, corrected = manifest.given[rows], manifest.corrected[rows]
        judged = figures(given, probabilities, manifest.classes)
        if (given == corrected).all():
            return judged, None
        return judged, figures(corrected, probabilities, manifest.classes)


@contextmanager
def opened(request: Evaluate, progress: Progress = SILENT) -> Iterator[tuple[Model, Dataset, Ints]]:
    """Open the model on its device, and the images as it takes them with the rows asked for; at the end all are gone.

    Takes and raises as `evaluate_twice`.
    """
    _check(request)
    device = device_named(request.device)
    with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
        if request.model.is_dir():
            model = _own(request)
            dataset, rows = images_of(request, Path(scratch), model.classes, model.size, progress)
        else:
            dataset, rows = images_of(request, Path(scratch), request.classes, request.size, progress)
            model = _foreign(request, dataset)
        for member in model.members:
            member.to(device)
        yield model, dataset, rows


def images_of(
    request: Evaluate,
    scratch: Path,
    classes: tuple[str, ...] | None,
    size: tuple[int, int] | None,
    progress: Progress,
) -> tuple[Dataset, Ints]:
    """Return the images of the data, decoded into `scratch`, and the rows of the split asked for.

    Raises
    ------
    DataError
        When there are no such images, or other classes than these.
    """
    found = scan(
        request.data,
        cache=scratch,
        classes=classes,
        size=size,
        jobs=request.jobs or cores(),
        progress=progress,
        least_classes=1,
        closed=True,
        alike=False,
    )
    return found.dataset, _rows(request, found.dataset.manifest)


def _check(request: Evaluate) -> None:
    """Refuse before any image is decoded what could not be done afterwards."""
    if not request.model.exists():
        raise ModelFileError(
            f"There is no model {request.model}. Give the folder `model` of a run, or a file of weights."
        )
    if request.model.is_file() and request.network is None:
        raise UsageError(
            f"{request.model} is no model folder; a file of weights needs --model NAME and --classes A,B,C."
        )
    if request.network is not None and request.network not in MODELS:
        raise UsageError(f"There is no model {request.network!r}. {suggest(request.network, MODELS)}")


def _own(request: Evaluate) -> Model:
    """Return the model of a folder; its network, classes and size are its own, and other ones cannot be meant."""
    model = load_model(request.model)
    for option, said, own in (
        ("--model", request.network, model.recipe.model),
        ("--classes", request.classes, model.classes),
        ("--size", request.size, model.size),
    ):
        if said is not None and said != own:
            words = own if isinstance(own, str) else ("x" if option == "--size" else ",").join(map(str, own))
            raise UsageError(f"The model in {request.model} brings its own {option} {words}. Leave {option} out.")
    return model


def _foreign(request: Evaluate, dataset: Dataset) -> Model:
    assert request.network is not None  # noqa: S101 - checked before the images were read
    return load_foreign(request.model, request.network, dataset.manifest.classes, dataset.size)


def _rows(request: Evaluate, manifest: Manifest) -> Ints:
    """Return the rows asked for; "auto" means the test images where there are any, else all."""
    tested = manifest.where("test")
    if request.split == "all" or (request.split == "auto" and not len(tested)):
        return np.arange(len(manifest), dtype=np.int64)
    rows = tested if request.split == "auto" else manifest.where(request.split)
    if not len(rows):
        raise DataError(f"{request.data} has no {request.split} images. Leave --split out to use what there is.")
    return rows
