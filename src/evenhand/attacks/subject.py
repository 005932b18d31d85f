"""Whose robustness is measured: a model with the images that it is asked about, and what is known of its training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evenhand.attacks.victim import Victim
from evenhand.data.batches import uniform
from evenhand.data.manifest import Dataset, Manifest
from evenhand.disk import read_table
from evenhand.errors import UsageError
from evenhand.records.values import Ints, Pixels
from evenhand.remedies.catalogue import REMEDIES, parse
from evenhand.training.model_file import CARD, WEIGHTS


@dataclass(frozen=True)
class Subject:
    """Whose robustness is measured: a model, and images that it is asked about.

    `counts` are the images of each class that the model was trained on, as far as is known: those of its run, else the
    training images of the data, else the images themselves; `counted` says which. `fingerprint` stands for the model's
    file and the data, `model` for the model's file alone; `corrected` says whether the model makes up for the class
    counts already. `source` is the split that the images come from, empty where it is several; `seen` says that the
    model was trained on them.
    """

    victim: Victim
    pixels: Pixels
    labels: Ints
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Ints | None
    counted: str
    fingerprint: str
    corrected: bool = False
    model: str = ""
    source: str = ""
    seen: bool = False

    @classmethod
    def of(cls, victim: Victim, dataset: Dataset, rows: Ints, model: Path, *, seen: bool = False) -> Subject:
        """Return a model, with some rows of a data set; `model` are the files that it came from."""
        manifest = dataset.manifest
        counts, counted = _training_counts(model, manifest, rows)
        splits = np.unique(manifest.split[rows])
        return cls(
            victim=victim,
            pixels=dataset.pixels[rows],
            labels=manifest.given[rows],
            paths=tuple(manifest.paths[row] for row in rows),
            classes=manifest.classes,
            counts=counts,
            counted=counted,
            fingerprint=_fingerprint(model, manifest.select(rows).fingerprint()),
            corrected=_corrects(model),
            model=model_fingerprint(model),
            source=str(splits[0]) if len(splits) == 1 else "",
            seen=seen,
        )

    def limited(self, most: int | None, seed: int) -> Subject:
        """Return at most so many images of each class, drawn by the seed, in their order."""
        if most is None:
            return self
        lottery = uniform("attack-limit", seed, 0, np.arange(len(self.labels), dtype=np.int64))
        kept = [
            own[np.argsort(lottery[own], kind="stable")[:most]]
            for own in (np.flatnonzero(self.labels == label) for label in range(len(self.classes)))
        ]
        rows = np.sort(np.concatenate(kept))
        paths = tuple(self.paths[row] for row in rows)
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows], paths=paths)


def _training_counts(model: Path, manifest: Manifest, rows: Ints) -> tuple[Ints, str]:
    """Return images of each class that a model was trained on, and how that is known: run, data or images."""
    place = model.parent / "manifest.csv"
    if model.is_dir() and place.is_file():
        given = [row["given"] for row in read_table(place) if row["split"] == "train"]
        found = np.array([given.count(name) for name in manifest.classes], dtype=np.int64)
        if found.any():
            return found, "run"
    attacked = set(rows.tolist())
    trained = [row for row in manifest.where("train").tolist() if row not in attacked]
    source, own = ("data", np.array(trained, dtype=np.int64)) if trained else ("images", rows)
    return np.bincount(manifest.given[own], minlength=len(manifest.classes)).astype(np.int64), source


def _corrects(model: Path) -> bool:
    """Return whether a model folder says that its remedy makes up for the class counts."""
    try:
        card = json.loads((model / CARD).read_text(encoding="utf-8"))
        parts = parse(str(card["remedy"]), allow_stacking=True).parts
        return bool(card.get("logit_offsets")) or any(REMEDIES[part.name].corrects_prior for part in parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError):
        return False


def _fingerprint(model: Path, data: str) -> str:
    """Return what stands for a model's files and the images."""
    return hashlib.sha256((data + model_fingerprint(model)).encode()).hexdigest()


def model_fingerprint(model: Path) -> str:
    """Return what stands for the files of a model: a folder of ours, or one file."""
    hasher = hashlib.sha256()
    files = [model / name for name in (CARD, WEIGHTS)] if model.is_dir() else [model]
    for file in files:
        hasher.update(file.read_bytes())
    return hasher.hexdigest()
