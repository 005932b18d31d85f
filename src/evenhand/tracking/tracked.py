"""A finished trial as trackers show it: what it was trained with, its curves, and its figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.disk import read_table
from evenhand.errors import EvenhandError
from evenhand.records.values import Floats, Ints
from evenhand.store import TRIAL_FILES, RunFolder, StoredTrial

Setting = str | int | float | bool
Point = tuple[int, float]

CURVES = {"step": "loss/step", "epoch": "loss/epoch", "validation": "loss/validation"}
"""Kinds of rows in ``curve.csv`` and what their curves are called."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Tracked:
    """One finished trial."""

    key: str
    name: str
    """How it is called: its remedy, seed and fold, and the beginning of its key."""
    settings: Mapping[str, Setting]
    """Remedy, repair, seed, fold, what it was for, and the recipe."""
    curves: Mapping[str, tuple[Point, ...]]
    """By name: (step or epoch, loss), counted from 1; a loss that is no number is left out."""
    figures: Mapping[str, float]
    """Of what was held out, labels as given; nothing where nothing was. Shares in [0, 1], the log-loss in nats."""
    seconds: float
    finished: float
    """When, in seconds since 1970."""


def finished_trials(run: RunFolder) -> Iterator[str]:
    """Yield the keys of the run's finished trials, the oldest first."""
    folder = run.path / "trials"
    found = [path for path in folder.iterdir() if run.has_trial(path.name)] if folder.is_dir() else []
    yield from (path.name for path in sorted(found, key=lambda path: (_when(path), path.name)))


class Reader:
    """Reads the trials of one run; what is known of all of them is read once.

    Raises
    ------
    EvenhandError
        When the run has no manifest, or a file of it is damaged.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        try:
            rows = read_table(run.path / "manifest.csv")
            judged = run.path / "judged.json"
            compared = json.loads(judged.read_text(encoding="utf-8")) if judged.is_file() else []
            classes = {name: place for place, name in enumerate(run.known["classes"])}
            self._given = np.array([classes[row["given"]] for row in rows], dtype=np.int64)
            self._repairs = {key: row["repair"] for row in compared for key in row.get("trials", ())}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EvenhandError(f"{run.path} cannot be tracked: {error!r}. Run the same command again.") from error

    def read(self, key: str) -> Tracked:
        """Return a finished trial.

        Raises
        ------
        EvenhandError
            When a file of it was damaged or taken away from outside.
        """
        stored = self._run.read_trial(key)
        settings = self._settings(key, stored.result)
        name = f"{settings['remedy']} seed {settings['seed']} fold {settings['fold']} {key[:8]}"
        folder = self._run.path / "trials" / key
        return Tracked(
            key, name, settings, _curves(stored), self._figures(stored), self._run.seconds(key), _when(folder)
        )

    def _settings(self, key: str, told: Mapping[str, Any]) -> dict[str, Setting]:
        held = told.get("held") or []
        purpose = "comparison" if key in self._repairs else "label audit" if told.get("features") else "other"
        settings: dict[str, Setting] = {
            "remedy": str(told.get("remedy", UNKNOWN)),
            "repair": self._repairs.get(key, UNKNOWN),
            "seed": int(told.get("seed", 0)),
            "fold": " ".join(map(str, held)) if held else "none",
            "purpose": purpose,
            "command": self._run.known.get("command", ""),
            "trained_on": int(told.get("trained_on", 0)),
            "diverged": told.get("diverged_at") is not None,
        }
        return settings | {f"recipe.{name}": value for name, value in _flat(told.get("recipe", {}))}

    def _figures(self, stored: StoredTrial) -> dict[str, float]:
        rows, logits = stored.arrays["rows"], stored.arrays["logits"]
        if not len(rows):
            return {}
        return _figures(self._given[rows], logits)


def _figures(labels: Ints, logits: Floats) -> dict[str, float]:
    """Return accuracy, balanced accuracy and log-loss; of logits that are no numbers, those of no knowledge."""
    known = np.nan_to_num(logits.astype(np.float64), nan=0.0, posinf=1e30, neginf=-1e30)
    shifted = known - known.max(axis=1, keepdims=True)
    log_share = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = known.argmax(axis=1) == labels
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    loss = -np.maximum(log_share[np.arange(len(labels)), labels], math.log(1e-15)).mean()
    return {
        "held_out/accuracy": float(right.mean()),
        "held_out/balanced_accuracy": float(np.mean(recalls)),
        "held_out/log_loss": float(loss),
    }


def _curves(stored: StoredTrial) -> dict[str, tuple[Point, ...]]:
    found: dict[str, list[Point]] = {}
    for row in stored.curve:
        loss = float(row["loss"])
        if math.isfinite(loss):
            found.setdefault(CURVES.get(row["kind"], f"loss/{row['kind']}"), []).append((int(row["number"]), loss))
    return {name: tuple(points) for name, points in found.items()}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Setting]]:
    """Yield settings that are plain values, nested ones under dotted names; lists as text."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, bool | int | float | str):
            yield prefix + name, value
        elif value is not None:
            yield prefix + name, json.dumps(value)


def _when(folder: Path) -> float:
    try:
        return (folder / TRIAL_FILES[0]).stat().st_mtime
    except OSError:
        return 0.0
