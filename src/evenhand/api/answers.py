"""What `evaluate`, `attack` and `predict` hand back: the product's records, and how they show themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.api import display
from evenhand.pipeline import told
from evenhand.pipeline.attacking import Attacked
from evenhand.pipeline.evaluating import Against
from evenhand.predicting.rows import Answer
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Pixels

SHOWN = 12
"""Answers that are shown."""


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """Every figure of a model on labelled images."""

    model: Path
    data: Path
    evaluation: Evaluation
    corrected: Evaluation | None = None
    """On corrected labels, where edits change any."""
    against: Against | None = None
    """The other model on the same images, where one was named."""

    def to_json(self) -> dict[str, Any]:
        """Return what ``evenhand evaluate --json`` says."""
        return told.told_evaluation(self.model, self.evaluation, self.corrected, self.against)

    def __repr__(self) -> str:
        """Return the headline."""
        return f"EvaluationResult({self._headline()})"

    def _repr_html_(self) -> str:
        compared = self.against.given.balanced_accuracy if self.against else None
        beside = (
            f"{100 * compared.value:+.1f} points against {self.against.other} "
            f"({100 * compared.low:+.1f} to {100 * compared.high:+.1f})."
            if self.against and compared
            else ""
        )
        return display.panel(
            self._headline(),
            display.paragraph(beside),
            display.figures(self.evaluation),
            display.confusion(self.evaluation),
            *([display.paragraph("The same on corrected labels:"), display.figures(self.corrected)]
              if self.corrected else []),
            display.places([("Model", self.model), ("Data", self.data)]),
        )  # fmt: skip

    def _headline(self) -> str:
        found = self.evaluation
        return f"Balanced accuracy {display.with_interval(found.balanced_accuracy)} on {found.n:,} images."


@dataclass(frozen=True, repr=False)
class RobustnessResult:
    """What is left of a model's accuracy under an attack."""

    attacked: Attacked

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.attacked.out

    @property
    def page(self) -> Path:
        """The page about all attacks on this model, one HTML file."""
        return self.attacked.page

    @property
    def clean_accuracy(self) -> float:
        """The accuracy on the images as they are."""
        return float(self.attacked.told["clean_accuracy"])

    @property
    def robust_accuracy(self) -> float:
        """What is left of it."""
        return float(self.attacked.told["robust_accuracy"])

    def to_json(self) -> dict[str, Any]:
        """Return what ``evenhand attack --json`` says."""
        return self.attacked.to_json()

    def __repr__(self) -> str:
        """Return the headline."""
        return f"RobustnessResult({self._headline()} Page: {self.page})"

    def _repr_html_(self) -> str:
        rows = [
            (name, row["n"], *(_share(row.get(key)) for key in ("clean_accuracy", "robust_accuracy")))
            for name, row in (self.attacked.told.get("per_class") or {}).items()
        ]
        fragile = (self.attacked.told.get("fragility") or {}).get("tendencies", [])
        return display.panel(
            self._headline(),
            display.table(["class", "images", "untouched", "left"], rows) if rows else "",
            *(display.paragraph(tendency["sentence"]) for tendency in fragile),
            display.places([("Tables and pictures", self.attacked.folder), ("Page", self.page)]),
        )

    def _headline(self) -> str:
        found = self.attacked.told
        how = "15 corruptions" if found["attack"] == "corruptions" else found["attack"]
        return (
            f"{how} on {found['n']:,} images: accuracy {_share(found['clean_accuracy'])} untouched, "
            f"{_share(found['robust_accuracy'])} left."
        )


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a model says of pictures, in the order in which they were given."""

    classes: tuple[str, ...]
    answers: tuple[Answer, ...]
    sentence: str
    """How many there are, how many could not be read, and the coverage where one was asked for."""
    pixels: Pixels | None = None
    """The first few pictures as the model saw them, where they came as an array."""

    @property
    def called(self) -> list[str]:
        """The class of each picture; empty where it could not be read, or was not sure enough."""
        return [answer.called for answer in self.answers]

    @property
    def probabilities(self) -> Floats:
        """(n, K) float32, in the order of `classes`; NaN where a picture could not be read."""
        found = np.full((len(self.answers), len(self.classes)), np.nan, dtype=np.float32)
        for row, answer in enumerate(self.answers):
            if answer.probabilities is not None:
                found[row] = answer.probabilities
        return found

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.answers)

    def __repr__(self) -> str:
        """Return the summary."""
        return f"Predictions({self.sentence})"

    def _repr_html_(self) -> str:
        header = ["picture", "class", *self.classes, "note"]
        shown = self.answers[:SHOWN]
        rows = []
        for number, answer in enumerate(shown):
            seen = self.pixels is not None and number < len(self.pixels)
            name = display.picture(self.pixels[number]) if seen and self.pixels is not None else answer.path
            shares = ["" for _ in self.classes] if answer.probabilities is None else [
                f"{share:.3f}" for share in answer.probabilities
            ]  # fmt: skip
            note = answer.error or ("not sure enough" if answer.rejected else "")
            rows.append([name, answer.called, *shares, note])
        more = f"and {len(self) - len(shown):,} more" if len(self) > len(shown) else ""
        return display.panel(self.sentence, display.table(header, rows), display.paragraph(more))


def _share(value: float | None) -> str:
    return "none" if value is None else display.percent(value)
