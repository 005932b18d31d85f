"""Exact duplicates: images with the same pixels, and copies of test images among the training images."""

from __future__ import annotations

from collections import Counter

import numpy as np

from evenhand.data.manifest import Manifest
from evenhand.records import Duplicate, Ints


def exact_duplicates(manifest: Manifest) -> tuple[Duplicate, ...]:
    """Return the members of every group of two or more images with the same pixels.

    `conflict` says that the group's given labels differ; `leaked` that this training or validation image has a copy
    among the test images. Groups with conflicts come first, then leaks, then by path.
    """
    repeated = {name for name, count in Counter(manifest.pixel_sha256).items() if count > 1}
    members: dict[str, list[int]] = {}
    for row, name in enumerate(manifest.pixel_sha256):
        if name in repeated:
            members.setdefault(name, []).append(row)
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
        )
        for number, (_, _, _, rows, conflict, tested) in enumerate(described, 1)
        for row in rows
    )


def training_rows(manifest: Manifest) -> Ints:
    """Return the training rows without what belongs to a test image: a copy of it, or another image of its group.

    A model must not be judged on what it was shown, nor on the same patient or shooting day.
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
