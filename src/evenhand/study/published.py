"""What the reference study published, as a small file of the package, for the table beside one's own figures."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class Experiment:
    """A row of the study's table; shares in [0, 1]."""

    name: str
    remedy: str
    examples: int
    """Examples of an epoch."""
    accuracy: float
    macro_f1: float
    per_class: dict[str, dict[str, float]]
    """From a class of the study to precision, recall and F1, as far as they were published."""
    unstated: tuple[str, ...] = ()
    """What the report does not say of this experiment, for the sentence "it does not say ..."."""


@dataclass(frozen=True)
class Baseline:
    """The checkpoint that the study was given, on its test pictures; averages are of precision, recall and F1."""

    accuracy: float
    macro: tuple[float, float, float]
    weighted: tuple[float, float, float]
    per_class: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Final:
    """What the study settled on."""

    name: str
    """Of the experiment."""
    remedy: str
    epochs: int
    examples: int
    """Examples of an epoch once the test pictures were added."""


@dataclass(frozen=True)
class WrongLabels:
    """Pictures of one class that carry the label of another: how many they are, and how many a person found by hand."""

    label: str
    shows: str
    wrong: int
    found: int


@dataclass(frozen=True)
class Published:
    """The study's table, and the pictures that its figures are of."""

    source: str
    tested_on: int
    trained_on: int
    classes: tuple[str, ...]
    training: tuple[int, ...]
    """Training pictures a class."""
    testing: tuple[int, ...]
    experiments: tuple[Experiment, ...]
    baseline: Baseline
    final: Final
    rates: tuple[float, ...]
    """The learning rates that it tried besides: one too small, one that diverges."""
    rate_epochs: int
    labels: WrongLabels
    unstated: tuple[str, ...]
    """What the report does not say of any experiment."""

    def named(self, classes: Sequence[str]) -> dict[str, str]:
        """Return from each class of the study to what it is called in some data; empty where one has no counterpart.

        Parameters
        ----------
        classes : sequence of str
            The classes of the data; a plural and other cases do not matter.
        """
        known = {name.lower().removesuffix("s"): name for name in classes}
        found = {name: known.get(name.lower()) for name in self.classes}
        return {name: other for name, other in found.items() if other} if all(found.values()) else {}


@functools.cache
def published() -> Published:
    """Return what the study published."""
    told: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Published(
        source=told["source"],
        tested_on=told["tested_on"],
        trained_on=told["trained_on"],
        classes=tuple(told["classes"]),
        training=tuple(told["training"]),
        testing=tuple(told["testing"]),
        experiments=tuple(
            Experiment(
                name=row["name"],
                remedy=row["remedy"],
                examples=row["examples"],
                accuracy=row["accuracy"],
                macro_f1=row["macro_f1"],
                per_class={name: row[name] for name in told["classes"]},
                unstated=tuple(row.get("unstated", ())),
            )
            for row in told["experiment"]
        ),
        baseline=_baseline(told["baseline"], told["classes"]),
        final=Final(**told["final"]),
        rates=(told["rates"]["too_small"], told["rates"]["diverges"]),
        rate_epochs=told["rates"]["epochs"],
        labels=WrongLabels(**told["labels"]),
        unstated=(*told["unstated"]["always"], told["unstated"]["few"]),
    )


def _baseline(row: dict[str, Any], classes: Sequence[str]) -> Baseline:
    return Baseline(row["accuracy"], tuple(row["macro"]), tuple(row["weighted"]), {name: row[name] for name in classes})
