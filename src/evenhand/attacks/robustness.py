"""From a model and labelled images to all that lies in ``RUN/robustness/``: figures, tables, pictures."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import evenhand
from evenhand.attacks.assault import CORRUPTION_NAME, Assault, target_number
from evenhand.attacks.attacking import EVERY, attack
from evenhand.attacks.catalogue import ATTACKS, build_attack
from evenhand.attacks.corruptions import CORRUPTIONS, under_corruption
from evenhand.attacks.examples import to_bytes, write_examples
from evenhand.attacks.fragility import Fragility, adjustment, fragility
from evenhand.attacks.optimised_noise import OptimisedNoise, noise_path
from evenhand.attacks.result import AttackResult
from evenhand.attacks.sanity import sanity
from evenhand.attacks.subject import Subject
from evenhand.attacks.success import accuracy_curve, success_matrix
from evenhand.attacks.victim import Victim
from evenhand.disk import write_arrays, write_json, write_table
from evenhand.errors import EvenhandError
from evenhand.progress import SILENT, Progress
from evenhand.records.values import SCHEMA_VERSION, Pixels, digest

FOLDER = "robustness"
MOST_ON_PATH = 40
"""Images of which the whole path of prices of optimised noise is followed."""
RESULT = "result.json"
_IMAGE_COLUMNS = (
    *("path", "given", "target", "called_before", "called_after", "attempted", "fooled", "fooled_png"),
    *("zero_gradient", "norm", "smallest_norm", "queries", "by"),
)


def measure_robustness(
    subject: Subject, assault: Assault, run: Path, progress: Progress = SILENT
) -> tuple[dict[str, Any], Path]:
    """Return the figures of the command contract (`attack`), and the folder that holds everything else.

    What is already there is only read.

    Parameters
    ----------
    subject : Subject
    assault : Assault
    run : Path
        The run folder.
    progress : Progress

    Raises
    ------
    UsageError
        When the words do not fit the model or the classes.
    ModelFileError
        When the model fails.
    EvenhandError
        When the folder cannot be written.
    """
    assault.check(subject)
    key = digest({**asdict(assault), "subject": subject.fingerprint, "versions": _versions()})
    eps = "" if assault.eps is None else f"-{assault.eps:.4g}"
    norm = "" if assault.name == CORRUPTION_NAME else f"-{assault.norm}"
    folder = run / FOLDER / f"{assault.name}{norm}{eps}-{key[:8]}"
    if (folder / RESULT).is_file():
        return read_result(folder / RESULT), folder
    folder.mkdir(parents=True, exist_ok=True)
    chosen = subject.limited(assault.limit, assault.seed)
    told = {
        "schema_version": SCHEMA_VERSION,
        "settings": asdict(assault),
        "versions": _versions(),
        "model": subject.model,
        "classes": list(subject.classes),
        "images_from": subject.source,
        "images_seen": subject.seen,
        "training_counts": None if subject.counts is None else subject.counts.tolist(),
        "counts_from": subject.counted,
    }
    if assault.name == CORRUPTION_NAME:
        told |= _corrupted(chosen, assault, folder, progress)
    else:
        told |= _attacked(chosen, assault, folder, progress)
    # Written last: a folder with it is complete.
    write_json(folder / RESULT, told)
    return told, folder


def _attacked(subject: Subject, assault: Assault, folder: Path, progress: Progress) -> dict[str, Any]:
    result = _result(subject, subject.victim, assault, progress)
    rows = np.arange(len(subject.labels))
    if assault.target == EVERY:
        rows = np.repeat(rows, len(subject.classes) - 1)
    paths = [subject.paths[row] for row in rows]
    told = result.to_json(subject.classes) | {"smallest": result.smallest}
    _write_images(folder / "images.csv", result, paths, subject.classes)
    _write_rows(folder / "per_class.csv", [{"class": name} | row for name, row in told["per_class"].items()])
    matrix = success_matrix(result, subject.classes).table()
    _write_rows(folder / "matrix.csv", matrix)
    told["matrix"] = matrix
    if result.smallest and assault.target is None:
        told["curve"] = accuracy_curve(result).table()
        _write_rows(folder / "curve.csv", told["curve"])
    if not assault.lean:
        told["checks"] = _checks(result, subject, assault, progress)
    if assault.target is None and subject.counts is not None and not assault.lean:
        told |= _fragility(result, subject, assault, folder, progress)
    originals = subject.pixels[rows]
    if assault.name in ATTACKS and isinstance(how := build_attack(assault.attack), OptimisedNoise):
        told["tradeoff"] = _tradeoff(subject.victim, result, how, originals, progress)
        _write_rows(folder / "tradeoff.csv", told["tradeoff"])
    told["examples"] = write_examples(folder / "examples", result, originals, paths, subject.classes, assault.examples)
    write_arrays(
        folder / "adversarial.npz",
        {
            "images": to_bytes(result.adversarial),
            "labels": result.labels,
            "targets": result.targets,
            "logits": result.logits,
            "logits_png": result.png_logits,
            "logits_clean": result.clean_logits,
        },
    )
    return told


def _tradeoff(
    victim: Victim, result: AttackResult, how: OptimisedNoise, originals: Pixels, progress: Progress
) -> list[dict[str, Any]]:
    """Return what optimised noise achieves at each price of a path, on some of the images attacked."""
    rows = np.flatnonzero(result.attempted)
    rows = rows[np.linspace(0, len(rows) - 1, min(MOST_ON_PATH, len(rows))).astype(np.int64)] if len(rows) else rows
    if not len(rows):
        return []
    images = _tensor(originals[rows])
    labels, targets = torch.from_numpy(result.labels[rows]), torch.from_numpy(result.targets[rows])
    path = noise_path(victim, images, labels, targets, attack=how, seed=result.seed, progress=progress)
    return path.table()


def _checks(result: AttackResult, subject: Subject, assault: Assault, progress: Progress) -> list[dict[str, Any]]:
    """Return whether this evaluation can be believed, at its budget or, without one, at the median noise found."""
    eps = assault.eps if assault.eps is not None else result.median_norm()
    # An attack aimed at every class has several rows an image.
    rows = np.unique(np.flatnonzero(result.clean_right) // (result.n // len(subject.labels)))
    if eps is None:
        return []
    found = sanity(
        subject.victim,
        _tensor(subject.pixels[rows]),
        torch.from_numpy(subject.labels[rows]),
        norm=assault.norm,
        eps=eps,
        seed=assault.seed,
        progress=progress,
    )
    return [check.to_json() for check in found]


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() * (1 / 255)


def _result(subject: Subject, victim: Victim, assault: Assault, progress: Progress) -> AttackResult:
    return attack(
        victim,
        _tensor(subject.pixels),
        subject.labels,
        assault.attack,
        norm=assault.norm,
        eps=assault.eps,
        target=target_number(assault.target, subject.classes),
        seed=assault.seed,
        progress=progress,
    )


def _fragility(
    result: AttackResult, subject: Subject, assault: Assault, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Return the fragility of each class, and what it would be after logit adjustment, unless one is in already."""
    counts = subject.counts
    assert counts is not None  # noqa: S101 - asked before
    found = fragility(result, counts, subject.classes, seed=assault.seed)
    _write_rows(folder / "fragility.csv", _fragility_rows(found))
    told = {"fragility": {"counts_from": subject.counted, **found.to_json()}}
    if not subject.corrected and np.ptp(counts) > 0:
        progress.note(
            "The same attack once more, on the model after logit adjustment: what would be if it leaned less."
        )
        again = _result(subject, subject.victim.adjusted(adjustment(counts)), assault, progress)
        other = fragility(again, counts, subject.classes, seed=assault.seed)
        _write_rows(folder / "fragility_adjusted.csv", _fragility_rows(other))
        told["fragility_adjusted"] = {"counts_from": subject.counted, **other.to_json()}
    return told


def _fragility_rows(found: Fragility) -> list[dict[str, Any]]:
    rows = []
    for one in found.classes:
        row: dict[str, Any] = {"class": one.name, "train_count": one.train_count, "n": one.n, "right": one.right}
        for measure in ("clean_error", "fragility", "attraction"):
            interval = getattr(one, measure)
            ends = (None, None, None) if interval is None else (interval.value, interval.low, interval.high)
            row |= dict(zip((measure, f"{measure}_low", f"{measure}_high"), ends, strict=True))
        rows.append(row)
    return rows


def _corrupted(subject: Subject, assault: Assault, folder: Path, progress: Progress) -> dict[str, Any]:
    found = under_corruption(
        subject.victim,
        subject.pixels,
        subject.labels,
        severities=assault.severities,
        seed=assault.seed,
        progress=progress,
    )
    table = found.table()
    _write_rows(folder / "corruptions.csv", table)
    per_class = found.per_class(subject.classes)
    _write_rows(folder / "per_class.csv", [{"class": name} | row for name, row in per_class.items()])
    clean = float(found.clean.mean())
    kept = found.right[:, :, found.clean].mean() if found.clean.any() else None
    return {
        "attack": CORRUPTION_NAME,
        "norm": None,
        "eps": None,
        "n": len(found.labels),
        "clean_accuracy": clean,
        "robust_accuracy": found.mean_accuracy,
        "success_rate": None if kept is None else 1 - float(kept),
        "median_norm": None,
        "per_class": per_class,
        "corruptions": table,
        "severities": list(assault.severities),
        "by_corruption": {
            name: float(value) for name, value in zip(CORRUPTIONS, found.accuracy.mean(axis=1), strict=True)
        },
    }


def _write_images(path: Path, result: AttackResult, paths: Sequence[str], classes: Sequence[str]) -> None:
    def name(number: int) -> str:
        return classes[number] if number >= 0 else ""

    columns: list[NDArray[Any]] = [result.labels, result.targets, result.called_clean, result.called]
    flags = [result.attempted, result.fooled, result.fooled_png, result.blind]
    write_table(
        path,
        _IMAGE_COLUMNS,
        [
            [
                paths[row],
                *(name(int(column[row])) for column in columns),
                *("true" if flag[row] else "false" for flag in flags),
                float(result.noise[row]),
                float(result.size[row]) if np.isfinite(result.size[row]) else "",
                int(result.queries[row]),
                str(result.by[row]),
            ]
            for row in range(result.n)
        ],
    )


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    header = list(rows[0]) if rows else []
    write_table(path, header, [["" if row[name] is None else row[name] for name in header] for row in rows])


def _versions() -> dict[str, str]:
    return {
        "evenhand": evenhand.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def read_result(path: Path) -> dict[str, Any]:
    """Return the figures that an attack left.

    Raises
    ------
    EvenhandError
        When the file is damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise EvenhandError(f"{path} is damaged ({error}). Delete {path.parent} and run again.") from error
