"""What there is to review: every judged picture of a run, worst first, with random checks mixed in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.files import read_audit
from evenhand.auditing.ledger import as_trained
from evenhand.data.manifest import Manifest, read_manifest
from evenhand.errors import UsageError
from evenhand.records.audit import Duplicate
from evenhand.records.values import Floats, Ints, Pixels
from evenhand.store import STUDY
from evenhand.study.results import read_test

EVERY = 8
"""One picture in so many is drawn at random from those that nobody suspects."""
FEWEST_CHECKS = 24
"""Random checks that there are at least, where there are pictures enough."""
SUSPECTS = "suspects"
"""The list of all training pictures, suspects first, checks mixed in."""
TEST = "test"
"""The list of test pictures that the final model calls something else."""
CONFLICTS = "conflicts"
"""The list of copies and near-duplicates that are filed under different classes, group by group."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Queue:
    """The pictures of a run and what is believed about them; columns have a value for each row of the manifest."""

    manifest: Manifest
    """Its column `given` is what the audit judged: in a run with edits, training labels as corrected."""
    pixels: Pixels
    suspicion: Floats
    """In [0, 1]; NaN where a picture was not judged."""
    suggested: Ints
    flagged: Flags
    check: Flags
    """Whether the picture is a random check."""
    probabilities: Floats
    """(n, K) of networks that had not seen the picture; NaN where there are none."""
    lists: dict[str, Ints]
    """Name -> rows in order: `CONFLICTS` and `TEST` where there are any, `SUSPECTS`, and "class:NAME" by label."""
    copies: dict[int, tuple[int, ...]]
    """Row -> all rows that show the same picture, this one among them; only where there are others."""


def read_queue(run: Path, seed: int = 0) -> Queue:
    """Return what there is to review in a run.

    Parameters
    ----------
    run : Path
        A run folder whose audit is finished.
    seed : int
        Of the random checks.

    Raises
    ------
    UsageError
        When the folder is no run, or holds no judged labels.
    """
    study = read_study(run)
    pixels = run / study["pixels"]
    if not pixels.is_file():
        raise UsageError(f"The decoded images {pixels} are gone. Run the same command again.")
    if not (run / "audit" / "summary.json").is_file():
        raise UsageError(f"The run in {run} stopped before its audit was finished. Run the same command again.")
    manifest = as_trained(read_manifest(run / "manifest.csv", study["classes"]))
    audit = read_audit(run / "audit")
    issues = audit.issues
    if not issues:
        raise UsageError(f"The audit in {run} judged no labels, so there are no suspects. Run `evenhand audit DATA`.")
    n, k = len(manifest), len(manifest.classes)
    number = {name: place for place, name in enumerate(manifest.classes)}
    place = {manifest.paths[row]: row for row in manifest.where("train").tolist()}
    suspicion, suggested = np.full(n, np.nan, dtype=np.float32), manifest.given.copy()
    flagged = np.zeros(n, dtype=bool)
    order = np.array([place[issue.path] for issue in issues], dtype=np.int64)
    suspicion[order] = [issue.suspicion for issue in issues]
    suggested[order] = [number[issue.suggested] for issue in issues]
    flagged[order] = [issue.flagged for issue in issues]
    probabilities = _probabilities(run, n, k)
    checks = _checks(order, flagged, seed)
    copies, conflicts = _copies(manifest, audit.duplicates)
    lists = {CONFLICTS: conflicts} if len(conflicts) else {}
    lists[SUSPECTS] = _mixed(order, flagged, checks)
    lists |= {f"class:{name}": order[manifest.given[order] == place] for name, place in number.items()}
    tested = _tested(run, manifest, suspicion, suggested, flagged, probabilities)
    if len(tested):
        lists[TEST] = tested
    check = np.zeros(n, dtype=bool)
    check[checks] = True
    images = np.load(pixels, mmap_mode="r")
    return Queue(manifest, images, suspicion, suggested, flagged, check, probabilities, lists, copies)


def read_study(run: Path) -> dict[str, Any]:
    """Return what a run folder says of itself.

    Raises
    ------
    UsageError
        When the folder is no run, or cannot be read.
    """
    path = run / STUDY
    if not path.is_file():
        raise UsageError(f"{run} is no run folder: it has no {STUDY}.")
    try:
        study: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = study["pixels"], study["classes"], study["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read ({error}), or its run stopped at the very beginning.") from error
    return study


def _copies(manifest: Manifest, duplicates: Sequence[Duplicate]) -> tuple[dict[int, tuple[int, ...]], Ints]:
    """Return for each row with copies all rows of its group, and the rows of groups whose labels contradict."""
    place = {
        (str(split), path): row for row, (split, path) in enumerate(zip(manifest.split, manifest.paths, strict=True))
    }
    groups: dict[int, list[int]] = {}
    for found in duplicates:
        if (row := place.get((found.split, found.path))) is not None:
            groups.setdefault(found.group, []).append(row)
    copies = {row: tuple(rows) for rows in groups.values() for row in rows}
    contradicting = [rows for rows in groups.values() if len({int(manifest.given[row]) for row in rows}) > 1]
    return copies, np.array([row for rows in contradicting for row in rows], dtype=np.int64)


def _checks(order: Ints, flagged: Flags, seed: int) -> Ints:
    """Return rows drawn at random from those that are not flagged, the same ones every time."""
    calm = order[~flagged[order]]
    wanted = max(FEWEST_CHECKS, -(-int(flagged.sum()) // (EVERY - 1)))
    drawn = np.random.default_rng(seed).permutation(len(calm))[:wanted]
    return calm[drawn]


def _mixed(order: Ints, flagged: Flags, checks: Ints) -> Ints:
    """Return the suspects with a check after every seven, the checks that are left, and then everything else."""
    suspects, rest = order[flagged[order]].tolist(), checks.tolist()
    mixed: list[int] = []
    for start in range(0, len(suspects), EVERY - 1):
        mixed += suspects[start : start + EVERY - 1]
        mixed += rest[:1]
        rest = rest[1:]
    mixed += rest
    others = order[~np.isin(order, np.array(mixed, dtype=np.int64))]
    return np.concatenate([np.array(mixed, dtype=np.int64), others])


def _probabilities(run: Path, n: int, k: int) -> Floats:
    """Return (n, K) out-of-fold probabilities from a run's trials: of the networks that judged the labels, if any.

    Those keep features besides, for the neighbours' opinion.
    """
    total, count = np.zeros((n, k)), np.zeros(n)
    found: dict[bool, list[tuple[Ints, Floats]]] = {True: [], False: []}
    for place in sorted((run / "trials").glob("[!.]*/oof.npz")):
        with np.load(place, allow_pickle=False) as file:
            found["features" in file.files].append((file["rows"], file["logits"]))
    for rows, logits in found[True] or found[False]:
        if len(rows) and logits.shape[1] == k:
            total[rows] += logits - logits.max(axis=1, keepdims=True)
            count[rows] += 1
    with np.errstate(invalid="ignore"):
        mean = np.exp(total / np.where(count, count, np.nan)[:, None])
        found_probabilities: Floats = (mean / mean.sum(axis=1, keepdims=True)).astype(np.float32)
    return found_probabilities


def _tested(
    run: Path, manifest: Manifest, suspicion: Floats, suggested: Ints, flagged: Flags, probabilities: Floats
) -> Ints:
    """Add what the final model says of the test pictures; return their rows, those it calls something else first."""
    test = read_test(run)
    if test is None:
        return np.empty(0, dtype=np.int64)
    rows = test.indices
    probabilities[rows] = test.probabilities
    suggested[rows] = test.probabilities.argmax(axis=1)
    suspicion[rows] = 1 - test.probabilities[np.arange(len(rows)), manifest.given[rows]]
    flagged[rows] = False
    return rows[np.lexsort((rows, -suspicion[rows]))]
