"""The manifest: one row an image, no pixels. And the data set: a manifest with its decoded pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evenhand.disk import read_table, write_table
from evenhand.records.values import Ints, Pixels

SPLITS = ("train", "val", "test")
EXCLUDED = "excluded"
"""The split of training images that somebody has excluded: they take part in nothing."""


@dataclass(frozen=True)
class Manifest:
    """One row an image, held as columns of length n.

    `split` holds "train", "val", "test" or `EXCLUDED`; `given`, `corrected` index `classes`; `group` joins images that
    must not be separated by a split or a fold (same pixels, same patient).
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    file_sha256: tuple[str, ...]
    pixel_sha256: tuple[str, ...]
    split: NDArray[np.str_]
    given: Ints
    corrected: Ints
    group: Ints

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def where(self, split: str) -> Ints:
        """Return the rows of one split, in order."""
        return np.flatnonzero(self.split == split).astype(np.int64)

    def select(self, rows: Ints) -> Manifest:
        """Return the manifest of some rows, in the order asked for."""
        return replace(
            self,
            paths=tuple(self.paths[row] for row in rows),
            file_sha256=tuple(self.file_sha256[row] for row in rows),
            pixel_sha256=tuple(self.pixel_sha256[row] for row in rows),
            split=self.split[rows],
            given=self.given[rows],
            corrected=self.corrected[rows],
            group=self.group[rows],
        )

    def counts(self, split: str) -> dict[str, int]:
        """Return the number of images a class of one split, by given label, in class order."""
        found = np.bincount(self.given[self.where(split)], minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}

    def fingerprint(self) -> str:
        """Return the SHA-256 over classes, splits, labels, groups and pixel hashes: what a trial depends on."""
        hasher = hashlib.sha256(repr(tuple(self.classes)).encode())
        for row in zip(self.pixel_sha256, self.split, self.given, self.group, strict=True):
            hasher.update(repr(tuple(str(item) for item in row)).encode())
        return hasher.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """A manifest and the decoded pixels of the same rows."""

    manifest: Manifest
    pixels: Pixels
    """(n, height, width, 3) uint8, read-only memory map."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        return (int(self.pixels.shape[1]), int(self.pixels.shape[2]))


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest.csv``: path, sha256 (of the file), split, given, corrected, group, pixel_sha256."""
    write_table(
        path,
        ["path", "sha256", "split", "given", "corrected", "group", "pixel_sha256"],
        [
            [name, file, split, manifest.classes[given], manifest.classes[corrected], group, pixels]
            for name, file, split, given, corrected, group, pixels in zip(
                manifest.paths,
                manifest.file_sha256,
                manifest.split,
                manifest.given,
                manifest.corrected,
                manifest.group,
                manifest.pixel_sha256,
                strict=True,
            )
        ],
    )


def read_manifest(path: Path, classes: Sequence[str]) -> Manifest:
    """Return the manifest that `write_manifest` wrote; `classes` in their order come from the run."""
    rows = read_table(path)
    number = {name: place for place, name in enumerate(classes)}

    def column(name: str) -> tuple[str, ...]:
        return tuple(row[name] for row in rows)

    def labels(name: str) -> Ints:
        return np.array([number[label] for label in column(name)], dtype=np.int64)

    return Manifest(
        classes=tuple(classes),
        paths=column("path"),
        file_sha256=column("sha256"),
        pixel_sha256=column("pixel_sha256"),
        split=np.array(column("split")),
        given=labels("given"),
        corrected=labels("corrected"),
        group=np.array(column("group"), dtype=np.int64),
    )
