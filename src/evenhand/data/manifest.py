"""The manifest: one row an image, no pixels. And the data set: a manifest with its decoded pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evenhand.records import Ints, Pixels

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Manifest:
    """One row an image, held as columns of length n.

    `split` holds "train", "val" or "test"; `given`, `corrected` index `classes`; `group` joins images that must not be
    separated by a split or a fold (same pixels, same patient).
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
        hasher = hashlib.sha256(repr(self.classes).encode())
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
