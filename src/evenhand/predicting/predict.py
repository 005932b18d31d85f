"""From pictures to answers, in order, however many there are."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from evenhand.engines.local import cores
from evenhand.errors import DataError, ModelFileError, UsageError, suggest
from evenhand.evaluation.costs import decide, expected_costs
from evenhand.exporting.onnx_model import ENDING, OnnxModel
from evenhand.exporting.opening import open_model, refuse_others
from evenhand.predicting.asking import Answering, answered
from evenhand.predicting.coverage import Coverage
from evenhand.predicting.decoding import MOST, Batch, decoded
from evenhand.predicting.inputs import Inputs, Item
from evenhand.predicting.occlusion import occlusion
from evenhand.predicting.pictures import draw, keep
from evenhand.predicting.rows import Answer
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Floats, Pixels
from evenhand.settings.costs import UNKNOWN, Costs, Decision, Prior, Uses
from evenhand.training.device import device_named
from evenhand.training.model_file import Model

METHODS = ("occlusion", "gradients")
Explain = Callable[[Pixels, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Predict:
    """The words of the command `predict`. `root` is what paths in tables and on standard input are relative to."""

    model: Path
    paths: tuple[str, ...]
    root: Path | None = None
    reject_below: float | None = None
    explain: Path | None = None
    method: str = "occlusion"
    network: str | None = None
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    device: str = "auto"
    jobs: int | None = None
    costs: Costs | None = None
    """What mistakes cost; by default as the model says, if it does."""
    prior: Prior | None = None
    """For which mix of classes to decide."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        UsageError
            When the method is unknown or a number out of range.
        """
        if self.method not in METHODS:
            raise UsageError(f"There is no way to explain named {self.method!r}. {suggest(self.method, METHODS)}")
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"--jobs must be at least 1, not {self.jobs}.")


class Predictions:
    """The answers of a model, one after the other, and what there is to say at the end.

    Parameters
    ----------
    request : Predict
    model : Answering
        As `opened` gives it.
    progress : Progress
        Told how far the work is.
    """

    def __init__(self, request: Predict, model: Answering, progress: Progress = SILENT) -> None:
        self._request, self._model, self._progress = request, model, progress
        self._coverage = Coverage(request.reject_below)
        self._decision = uses_of(model, request.model).decided(request.costs, request.prior, model.classes)
        self._called: Counter[str] = Counter()
        self._unreadable = 0
        self._explain = _explainer(request, model) if request.explain else None

    def answers(self, stdin: BinaryIO | None = None) -> Iterator[Answer]:
        """Yield an answer for every picture, in the order they were named; those that cannot be read have an error.

        Raises
        ------
        DataError
            When there are no pictures at all, or a table or pattern cannot be understood.
        """
        request, jobs = self._request, self._request.jobs or cores()
        with tempfile.TemporaryDirectory(prefix="evenhand-") as name:
            scratch = Path(name)
            inputs = Inputs(request.paths, scratch, request.root, stdin)
            total = inputs.count() if self._progress is not SILENT else None
            batches = decoded(inputs, self._model.size, scratch, jobs=jobs)
            with self._progress.stage("Predicting", total or 0) as tick:
                for batch, probabilities in answered(self._model, batches, threads=jobs):
                    yield from self._of(batch, probabilities)
                    tick(len(batch.items))
        if not self.n:
            raise DataError(f"There are no pictures in {', '.join(request.paths)}.")

    def of_pixels(self, pixels: Pixels) -> Iterator[Answer]:
        """Yield an answer for every picture of an array, named by its number.

        Parameters
        ----------
        pixels : (n, height, width, 3) uint8
            Of the size that the model takes.
        """
        batches = (
            Batch(
                tuple(Item(str(number), None) for number in range(first, min(first + MOST, len(pixels)))),
                ("",) * len(pixels[first : first + MOST]),
                pixels[first : first + MOST],
            )
            for first in range(0, len(pixels), MOST)
        )
        with self._progress.stage("Predicting", len(pixels)) as tick:
            for batch, probabilities in answered(self._model, batches):
                yield from self._of(batch, probabilities)
                tick(len(batch.items))

    @property
    def costed(self) -> bool:
        """Whether decisions are those of least expected cost, in place of the most probable class."""
        return self._decision is not None

    @property
    def n(self) -> int:
        """The pictures that were asked about, unreadable ones included."""
        return self._coverage.n + self._unreadable

    def summary(self) -> dict[str, Any]:
        """Return how many there were, how many could not be read, how often each class was named, and the coverage."""
        return {
            "n": self.n,
            "unreadable": self._unreadable,
            "counts": {name: self._called[name] for name in self._model.classes},
            "coverage": self._coverage.to_json(),
        }

    def sentence(self) -> str:
        """Return the summary in words."""
        words = f"{self.n} pictures"
        if self._unreadable:
            words += f", {self._unreadable} of them could not be read (see the column error)"
        threshold, of = self._coverage.threshold, self._coverage.n
        if threshold is None or not of:
            return f"{words}."
        given = self._coverage.answered
        return f"{words}. {given} of {of} answers ({given / of:.1%}) have a probability of at least {threshold:g}."

    def _of(self, batch: Batch, probabilities: Floats) -> Iterator[Answer]:
        largest = probabilities.max(axis=1)
        best, costs = _decided(probabilities, self._decision)
        good = np.array([not error for error in batch.errors])
        self._coverage.add(largest[good])
        for row, (item, error) in enumerate(zip(batch.items, batch.errors, strict=True)):
            if error:
                self._unreadable += 1
                yield Answer(item.name, error=error)
                continue
            rejected = self._coverage.rejects(float(largest[row]))
            name = "" if rejected else self._model.classes[best[row]]
            self._called[name] += 1
            shown = self._shown(batch, row, best[row], item.name) if self._explain else ""
            cost = None if costs is None or rejected else costs[row]
            yield Answer(item.name, name, probabilities[row], rejected, shown, expected_cost=cost)

    def _shown(self, batch: Batch, row: int, label: int, name: str) -> str:
        """Draw why the model says what it says, and return the picture's place."""
        assert self._explain is not None and self._request.explain is not None  # noqa: S101, PT018 - asked before
        number = sum(self._called.values()) + self._unreadable
        panel = draw(batch.pixels[row], self._explain(batch.pixels[row], label))
        return str(keep(panel, self._request.explain, number, name))


def opened(request: Predict) -> Answering:
    """Return the model of a request: a model folder, an exported ``.onnx`` file, or a file of weights.

    Raises
    ------
    ModelFileError
        When it cannot be found or loaded.
    UsageError
        When words are missing, contradict the model, or ask for what it cannot do.
    """
    if request.model.suffix.lower() == ENDING:
        if not request.model.is_file():
            raise ModelFileError(f"There is no file {request.model}.")
        model = OnnxModel(request.model, threads=1)
        refuse_others(request.model, (None, model.classes, model.size), (None, request.classes, request.size))
        return model
    own = open_model(request.model, request.network, request.classes, request.size)
    device = device_named(request.device)
    for member in own.members:
        member.to(device)
    return own


def uses_of(model: Answering, path: Path) -> Uses:
    """Return what a model says of the use of its probabilities, an exported file in its metadata.

    Raises
    ------
    ModelFileError
        When what it says is damaged.
    """
    if not isinstance(model, OnnxModel):
        return getattr(model, "uses", UNKNOWN)
    try:
        return Uses.from_json(model.facts, model.classes)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelFileError(f"{path} does not say whole for which mix of classes it is made: {error}.") from error


def _decided(probabilities: Floats, decision: Decision | None) -> tuple[list[int], list[float] | None]:
    """Return the class that is called for each row, and what that is expected to cost where costs are stated."""
    if decision is None:
        return probabilities.argmax(axis=1).tolist(), None
    # A picture that could not be read has no probabilities, and is called nothing.
    chances = np.nan_to_num(probabilities, nan=1 / probabilities.shape[1])
    called = decide(chances, decision)
    return called.tolist(), expected_costs(chances, decision)[np.arange(len(called)), called].tolist()


def _explainer(request: Predict, model: Answering) -> Explain:
    if request.method == "occlusion":
        return lambda pixels, label: occlusion(model, pixels, label)
    if not isinstance(model, Model):
        raise UsageError("An ONNX file cannot be differentiated. Use --explain-by occlusion, or the model folder.")
    from evenhand.exporting.whole_model import WholeModel
    from evenhand.predicting.gradients import IntegratedGradients

    return IntegratedGradients(WholeModel(model))


def formats_of(out: Path | None, said: str | None, formats: Sequence[str]) -> str:
    """Return the format that answers are written in: the one said, else that of the file's ending, else the first.

    Raises
    ------
    UsageError
        When there is no such format.
    """
    if said is not None:
        if said not in formats:
            raise UsageError(f"There is no format {said!r}. {suggest(said, formats)}")
        return said
    ending = out.suffix.lower().removeprefix(".") if out else ""
    return {"json": "jsonl", "ndjson": "jsonl"}.get(ending, ending if ending in formats else formats[0])
