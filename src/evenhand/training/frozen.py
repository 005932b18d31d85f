"""Features of a frozen backbone: computed once for every picture, kept by content, and looked at like pictures."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from evenhand.data.batches import to_network
from evenhand.disk import check_room, unwritable
from evenhand.engines.engine import Engine
from evenhand.errors import UsageError
from evenhand.models.pretrained import Backbone, remember
from evenhand.models.pretrained_network import Trunk, trunk_of
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Floats, Ints, Pixels
from evenhand.remedies.plan import Plan

TOGETHER = 32
"""Pictures that go through the backbone at once."""
PART = 256
"""Pictures a task of a worker."""
_WORDS = 2
"""Numbers of 64 bits that stand for the content of one picture."""


def place_of_features(pixels: Path, model: str) -> Path:
    """Return where the features of a file of pixels lie; the name says of which backbone and which pixels they are."""
    return pixels.with_name(f"features-{model.rsplit('@', 1)[-1]}-{pixels.stem.removeprefix('pixels-')}.npy")


def refuse_unfit(plan: Plan, remedy: str) -> None:
    """Refuse a remedy that cannot be carried out on features.

    Raises
    ------
    UsageError
        When it pastes parts of pictures or changes pictures against the network.
    """
    what = None
    if plan.mixing and plan.mixing.method == "patch":
        what = "pastes a part of one picture onto another"
    elif plan.perturbation:
        what = "changes pictures against the network"
    if what:
        raise UsageError(
            f"{remedy} {what}, and a frozen backbone has looked at the pictures beforehand. Leave the remedy out, or "
            "train the whole network with --set frozen=false."
        )


def keep_features(pixels: Path, backbone: Backbone, engine: Engine, progress: Progress = SILENT) -> tuple[Path, int]:
    """Look at all pictures with a backbone, unless that has been done; return the file, and how many were looked at.

    The file holds (n, 1, 2, D) float32: a picture's features and those of its mirror image. Pictures that another file
    of features beside it holds are taken from there, whatever their place.

    Parameters
    ----------
    pixels : Path
        The ``.npy`` file of the (n, height, width, 3) uint8 pictures.
    backbone : Backbone
    engine : Engine
        Its workers look, each on one thread.
    progress : Progress

    Raises
    ------
    EvenhandError
        When the disk is full; no half-written file is left.
    ModelFileError
        When the backbone cannot be used.
    """
    target = place_of_features(pixels, backbone.name)
    if target.is_file() and _contents(target).is_file():
        return target, 0
    pictures: Pixels = np.load(pixels, mmap_mode="r")
    trunk = trunk_of(backbone.name, (pictures.shape[1], pictures.shape[2]))
    contents = content_of(pictures)
    shape = (len(pictures), 1, 2, trunk.width)
    check_room(target.parent, 4 * int(np.prod(shape)), "The features")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        made = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        missing = _taken_over(made, contents, target)
        made.flush()
        parts = [
            _Part(pixels, temporary, tuple(missing[first : first + PART].tolist()), backbone.name, str(backbone.folder))
            for first in range(0, len(missing), PART)
        ]
        with progress.stage(f"Looking at the pictures with {backbone.name}", len(parts)) as tick:
            engine.map(_look, parts, tick)
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        with _contents(target).open("wb") as file:
            np.save(file, contents)
        temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target, len(missing)


def content_of(pictures: Pixels) -> NDArray[np.uint64]:
    """Return (n, 2) numbers that stand for the content of each picture."""
    found = np.empty((len(pictures), _WORDS), dtype=np.uint64)
    for row, picture in enumerate(pictures):
        digest = hashlib.sha256(f"{picture.shape}".encode() + picture.tobytes()).digest()
        found[row] = np.frombuffer(digest, dtype=np.uint64, count=_WORDS)
    return found


def look(trunk: Trunk, pictures: Pixels) -> Floats:
    """Return the (n, 1, 2, D) features of pictures and of their mirror images."""
    found = np.empty((len(pictures), 1, 2, trunk.width), dtype=np.float32)
    with torch.inference_mode():
        for first in range(0, len(pictures), TOGETHER):
            here = slice(first, first + TOGETHER)
            images = to_network(torch.from_numpy(np.array(pictures[here])), channels_last=False)
            found[here, 0, 0] = trunk(images).numpy()
            found[here, 0, 1] = trunk(images.flip(3)).numpy()
    return found


@dataclass(frozen=True)
class _Part:
    """Some pictures to be looked at, and where the features belong."""

    pixels: Path
    target: Path
    rows: tuple[int, ...]
    name: str
    folder: str


def _look(part: _Part) -> int:
    """Look at some pictures. Runs in a worker process."""
    torch.set_num_threads(1)
    remember([(part.name, part.folder)])
    pictures: Pixels = np.load(part.pixels, mmap_mode="r")
    trunk = _trunk(part.name, (pictures.shape[1], pictures.shape[2]))
    rows = np.array(part.rows)
    found = look(trunk, pictures[rows])
    target = np.lib.format.open_memmap(part.target, mode="r+")
    target[rows] = found
    target.flush()
    return len(rows)


@functools.lru_cache(maxsize=1)
def _trunk(name: str, size: tuple[int, int]) -> Trunk:
    return trunk_of(name, size)


def _contents(features: Path) -> Path:
    return features.with_name(features.name.removesuffix(".npy") + ".content")


def _taken_over(made: Floats, contents: NDArray[np.uint64], target: Path) -> Ints:
    """Fill in what other files of the same backbone hold, and return the rows that are still missing.

    Of several pictures with the same content each is looked at: they are few, and that is simpler.
    """
    missing = np.ones(len(made), dtype=bool)
    for other in sorted(target.parent.glob(f"{'-'.join(target.name.split('-')[:2])}-*.npy")):
        if other == target or not _contents(other).is_file():
            continue
        try:
            held, known = np.load(other, mmap_mode="r"), np.load(_contents(other))
        except (OSError, ValueError):
            continue
        if held.shape[1:] != made.shape[1:] or known.shape != (len(held), _WORDS):
            continue
        where = {tuple(content): row for row, content in enumerate(known.tolist())}
        for row in np.flatnonzero(missing):
            if (found := where.get(tuple(contents[row].tolist()))) is not None:
                made[row], missing[row] = held[found], False
    return np.flatnonzero(missing)
