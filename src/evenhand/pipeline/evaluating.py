"""From a trained model and labelled images to every figure."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.auditing.decisions import read_decisions
from evenhand.auditing.ledger import apply
from evenhand.auditing.scan import scan
from evenhand.data.manifest import Dataset, Manifest
from evenhand.engines.local import cores
from evenhand.errors import DataError, ModelFileError, UsageError, suggest
from evenhand.evaluation.abstaining import abstention
from evenhand.evaluation.costs import cost_of
from evenhand.evaluation.metrics import evaluate as figures
from evenhand.evaluation.paired import Paired, compare_models
from evenhand.models.catalogue import MODELS
from evenhand.progress import SILENT, Progress
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Ints
from evenhand.settings.commands import Evaluate
from evenhand.settings.costs import Decision
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
    seen = _looked_at(request, progress)
    return seen.judged(seen.given), seen.judged(seen.corrected) if seen.edited else None


@dataclass(frozen=True)
class Against:
    """Two models on the same images, the first being the one that was evaluated."""

    other: Path
    given: Paired
    corrected: Paired | None
    """The same on corrected labels, where edits change any."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        corrected = self.corrected.to_json() if self.corrected else None
        return {"model": str(self.other), **self.given.to_json(), "corrected": corrected}


def evaluate_against(
    request: Evaluate, progress: Progress = SILENT
) -> tuple[Evaluation, Evaluation | None, Against | None]:
    """Return what `evaluate_twice` does, and the model compared with the one that the request names besides, if any.

    Raises as `evaluate_twice` does.

    Raises
    ------
    UsageError
        When the other model is no model folder, or the two know different classes.
    """
    seen = _looked_at(request, progress)
    given, corrected = seen.judged(seen.given), seen.judged(seen.corrected) if seen.edited else None
    if request.against is None:
        return given, corrected, None
    # The other model brings its own words, and its own size: it sees the same images as it takes them.
    other = _looked_at(
        replace(request, model=request.against, network=None, classes=None, size=None, against=None), progress
    )
    if set(other.classes) != set(seen.classes):
        raise UsageError(
            f"{request.model} knows the classes {', '.join(seen.classes)}, {request.against} knows "
            f"{', '.join(other.classes)}. Only models of the same classes can be compared."
        )
    if other.paths != seen.paths:
        raise DataError(f"{request.data} changed while it was read. Run the same command again.")
    place = np.array([seen.classes.index(name) for name in other.classes], dtype=np.int64)
    mine, its = seen.probabilities.argmax(axis=1), place[other.probabilities.argmax(axis=1)]

    def paired(labels: Ints) -> Paired:
        return compare_models(labels, mine, its, len(seen.classes))

    return given, corrected, Against(request.against, paired(seen.given), paired(seen.corrected) if corrected else None)


@dataclass(frozen=True)
class _Seen:
    """What a model says of the images asked for."""

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    given: Ints
    corrected: Ints
    probabilities: Floats
    decision: Decision | None
    """How to decide where costs are stated, by the request or by the model."""
    reject_below: float | None

    @property
    def edited(self) -> bool:
        return bool((self.given != self.corrected).any())

    def judged(self, labels: Ints) -> Evaluation:
        found = figures(labels, self.probabilities, self.classes)
        found = replace(found, abstention=abstention(labels, self.probabilities, self.reject_below))
        return replace(found, cost=cost_of(labels, self.probabilities, self.decision)) if self.decision else found


def _looked_at(request: Evaluate, progress: Progress) -> _Seen:
    decisions = read_decisions(request.edits)
    with opened(request, progress) as (model, dataset, rows):
        manifest = apply(dataset.manifest, decisions.in_force).manifest
        decision = model.uses.decided(request.costs, request.prior, manifest.classes)
        for note in decisions.notes():
            progress.note(note)
        return _Seen(
            manifest.classes,
            tuple(manifest.paths[row] for row in rows),
            manifest.given[rows],
            manifest.corrected[rows],
            model.probabilities(dataset.pixels[rows]),
            decision,
            request.reject_below,
        )


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
    if request.against is not None and not request.against.is_dir():
        raise UsageError(f"--against takes a model folder, such as RUN/model, and {request.against} is none.")
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
