"""Data that have grown since a run: what counts as growth, and what becomes of what was found before."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.manifest import EXCLUDED, Manifest, read_manifest
from evenhand.errors import DataError
from evenhand.store import RunFolder

STAYING = ("edits.jsonl", "precision.json", "tracking", "trials")
"""What a run folder keeps in its place when its data grow, besides the cache."""

Image = tuple[str, str, str]
"""Pixel hash, split and given label: by these an image is known again, wherever it lies now."""


@dataclass(frozen=True)
class Growth:
    """By how many images data have grown, and where what was found before lies."""

    images: int
    by_class: dict[str, int]
    size: tuple[int, int]
    """Height and width of all images, chosen before and kept: other ones would change every image."""
    earlier: str

    def sentence(self) -> str:
        """Return it in words."""
        told = ", ".join(f"{name} {count}" for name, count in self.by_class.items() if count)
        return (
            f"The data have grown by {self.images} images since the run before ({told}). What was found then is kept "
            f"in {self.earlier}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "images": self.images,
            "by_class": self.by_class,
            "size": list(self.size),
            "earlier": self.earlier,
        }

    @classmethod
    def known(cls, run: RunFolder) -> Growth | None:
        """Return the growth that ``study.json`` tells of; None where there was none."""
        told = run.known.get("grown")
        if not told:
            return None
        return cls(told["images"], told["by_class"], (told["size"][0], told["size"][1]), told["earlier"])


def kept_size(run: RunFolder, *, grown: bool) -> tuple[int, int] | None:
    """Return the size of the images where it was chosen before the data grew, or may have been; None elsewhere."""
    told = (run.known.get("grown") or {}).get("size") or (run.known.get("size") if grown else None)
    return (told[0], told[1]) if told else None


def grown(run: RunFolder, now: Manifest, *, asked: bool) -> Growth | None:
    """Return by how much the data have grown since the run in this folder, after setting aside what was found.

    Data have grown where every image of the run is still there, with the same pixels, label and split, and others are
    there too. Trainings stay in their place where the training images are the same as before.

    Parameters
    ----------
    run : RunFolder
        Claimed, and not bound yet.
    now : Manifest
        The data, labels as given.
    asked : bool
        Whether the user asked to go on with grown data.

    Returns
    -------
    Growth or None
        None where the folder is new or the data are those of the run; what ``study.json`` tells of an earlier growth
        then stays true.

    Raises
    ------
    DataError
        When the data have changed in another way, or have grown and nobody asked to go on.
    """
    known = run.known.get("fingerprint")
    before = _before(run) if known not in (None, now.fingerprint()) else None
    if before is None:
        return None
    gone = Counter(_images(before)) - Counter(_images(now))
    new = Counter(_images(now)) - Counter(_images(before))
    if gone or not new:
        if asked:
            raise DataError(_changed(run.path, before, gone))
        return None
    count = sum(new.values())
    if not asked:
        raise DataError(
            f"{run.path} holds a run on these data before they grew: {count} images are new, and none has changed or "
            "gone. Say --grown too to go on there; what was found before is kept. Or choose another folder with --out."
        )
    staying = [name for name in STAYING if name != "trials" or _same_training(before, now)]
    size = run.known["size"]
    place = run.set_aside(staying)
    by_class = Counter(label for (_, _, label), times in new.items() for _ in range(times))
    return Growth(
        count,
        {name: by_class[name] for name in now.classes},
        (size[0], size[1]),
        place.relative_to(run.path).as_posix(),
    )


def drop_superseded(cache: Path, pixels: Path) -> None:
    """Remove the decoded pixels of the data before they grew: `pixels` holds them too."""
    for file in cache.glob("pixels-*"):
        if file.stem != pixels.stem:
            with contextlib.suppress(OSError):
                file.unlink()


def _before(run: RunFolder) -> Manifest | None:
    """Return the manifest of the run in the folder; None where it cannot be read."""
    try:
        return read_manifest(run.path / "manifest.csv", run.known["classes"])
    except (OSError, KeyError, ValueError):
        return None


def _images(manifest: Manifest) -> Iterator[Image]:
    """Yield what each image is known by; one that an edit has excluded is a training image of the data."""
    for pixels, split, given in zip(manifest.pixel_sha256, manifest.split, manifest.given, strict=True):
        yield pixels, "train" if split == EXCLUDED else str(split), manifest.classes[given]


def _changed(folder: Path, before: Manifest, gone: Counter[Image]) -> str:
    """Return why data have not merely grown."""
    path = next((path for path, image in zip(before.paths, _images(before), strict=True) if image in gone), "")
    count = sum(gone.values())
    what = (
        f"{count} of its images are gone, or have other pixels, another label or another split now, for example {path}"
        if count
        else "their classes or groups are others now, and no image is new"
    )
    return (
        f"{folder} holds a run on other data, and --grown goes on only where images were added: {what}. Choose another "
        "folder with --out."
    )


def _same_training(before: Manifest, now: Manifest) -> bool:
    """Return whether the training images are the same, at the same places: only then can a training count again."""
    if before.classes != now.classes or EXCLUDED in before.split:
        return False
    one, other = (manifest.where("train") for manifest in (before, now))
    return (
        np.array_equal(one, other)
        and all(before.pixel_sha256[row] == now.pixel_sha256[row] for row in one)
        and np.array_equal(before.given[one], now.given[other])
    )
