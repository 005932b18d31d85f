"""Duplicates: groups of images that show the same picture, and copies of test images among the training images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from evenhand.data.manifest import Manifest
from evenhand.records.audit import Duplicate
from evenhand.records.values import Ints


def joined(count: int, bonds: Iterable[Sequence[int]]) -> Ints:
    """Return (count,) group numbers: rows that a chain of bonds connects share the number of the earliest of them."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second in bonds:
        one, other = root(first), root(second)
        # The earliest row gives its number: it does not depend on the order in which bonds are met.
        parent[max(one, other)] = min(one, other)
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def duplicates(manifest: Manifest, near: Ints | None = None) -> tuple[Duplicate, ...]:
    """Return the members of every group of two or more images with the same pixels or, by `near`, the same picture.

    `conflict` says that the group's given labels differ; `leaked` that this training or validation image has a copy
    among the test images; `kind` is "exact" where another member has the same pixels, else "near". Groups with
    conflicts come first, then leaks, then by path.

    Parameters
    ----------
    manifest : Manifest
        All images.
    near : (m, 2) int64, optional
        Pairs of rows that show the same picture with other pixels.
    """
    times = Counter(manifest.pixel_sha256)
    first: dict[str, int] = {}
    bonds = [(row, first.setdefault(name, row)) for row, name in enumerate(manifest.pixel_sha256)]
    group = joined(len(manifest), [*bonds, *([] if near is None else near.tolist())])
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.bincount(group, minlength=1)[group] > 1).tolist():
        members.setdefault(int(group[row]), []).append(row)
    described = []
    for rows in members.values():
        conflict = len({int(manifest.given[row]) for row in rows}) > 1
        tested = any(manifest.split[row] == "test" for row in rows)
        leaked = tested and any(manifest.split[row] != "test" for row in rows)
        described.append((not conflict, not leaked, manifest.paths[rows[0]], rows, conflict, tested))
    described.sort(key=lambda item: item[:3])
    return tuple(
        Duplicate(
            group=number,
            path=manifest.paths[row],
            split=str(manifest.split[row]),
            given=manifest.classes[manifest.given[row]],
            conflict=conflict,
            leaked=tested and manifest.split[row] != "test",
            kind="exact" if times[manifest.pixel_sha256[row]] > 1 else "near",
        )
        for number, (_, _, _, rows, conflict, tested) in enumerate(described, 1)
        for row in rows
    )


def training_rows(manifest: Manifest) -> Ints:
    """Return the training rows without what belongs to a test image: a copy of it, or another image of its group.

    A model must not be judged on what it was shown, nor on a near-duplicate, the same patient or shooting day.
    """
    tests = manifest.where("test")
    copied = {manifest.pixel_sha256[row] for row in tests}
    grouped = set(manifest.group[tests].tolist())
    rows = [
        row
        for row in manifest.where("train").tolist()
        if manifest.group[row] not in grouped and manifest.pixel_sha256[row] not in copied
    ]
    return np.array(rows, dtype=np.int64)
