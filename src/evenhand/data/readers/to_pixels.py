"""Arrays of images to ``.npy`` files of uint8 RGB: what the numbers mean is settled once for all images of a source."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.data.npy import RowFile
from evenhand.data.pixels import MOST_PIXELS, over_white
from evenhand.data.readers.source import ArrayImage, Entry, Source, text_of
from evenhand.disk import check_room
from evenhand.errors import DataError
from evenhand.records.audit import Finding
from evenhand.records.values import Pixels

_CHUNK_BYTES = 2**24
_SLACK = 0.02
"""Resizing overshoots a little; a range wider by this part of its length still counts as that range."""
_DARK = 64

Array = NDArray[Any]


@dataclass(frozen=True)
class Block:
    """Labelled images of one split. Images are one (n, ...) array or n arrays; `folder` begins their paths."""

    images: Array | Sequence[Array]
    labels: Sequence[str]
    split: str = "train"
    folder: str = "train"
    groups: Sequence[str | None] | None = None


@dataclass(frozen=True)
class _Shelf:
    """Images of one block that have the same shape and type; `places` are their positions in the block."""

    block: Block
    places: Sequence[int]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def chunks(self) -> Iterator[tuple[Sequence[int], Array]]:
        """Yield some images at a time, with their positions, so that memory stays bounded."""
        size = max(1, int(np.prod(self.shape))) * max(8, self.dtype.itemsize)
        step = max(1, _CHUNK_BYTES // size)
        for first in range(0, len(self.places), step):
            places = self.places[first : first + step]
            if isinstance(self.block.images, np.ndarray):
                yield places, np.asarray(self.block.images[places[0] : places[-1] + 1])
            else:
                yield places, np.stack([self.block.images[place] for place in places])


def store_blocks(blocks: Sequence[Block], scratch: Path, where: Path) -> Source:
    """Write the images of all blocks into ``.npy`` files in `scratch` and return their entries.

    Parameters
    ----------
    blocks : sequence of Block
        Shapes (h, w), (h, w, C) or (C, h, w) with C = 1, 3 or 4, or flat planes of a square; booleans, whole numbers
        in 0..255 or 0..65535, or floats in [0, 1], [-1, 1] or [0, 255].
    scratch : Path
        Folder for the files; made when missing.
    where : Path
        The file they come from, for messages.

    Raises
    ------
    DataError
        When a shape, type or range is none of these, or images and labels differ in number.
    EvenhandError
        When the disk has no room for them.
    """
    shelves = []
    for block in blocks:
        if len(block.images) != len(block.labels):
            raise DataError(
                f"{where} has {len(block.images)} images but {len(block.labels)} labels in {block.folder}. "
                "Each image needs one label."
            )
        shelves += _shelves(block)
    turns = [_layout(shelf.shape, where) for shelf in shelves]
    scales, notes = _scales(shelves, where)
    notes = [*dict.fromkeys(note for _, _, note in turns if note), *notes]
    scratch.mkdir(parents=True, exist_ok=True)
    check_room(
        scratch,
        sum(len(shelf.places) * math.prod(size) * 3 for shelf, (size, _, _) in zip(shelves, turns, strict=True)),
    )
    entries: list[Entry] = []
    findings: list[Finding] = []
    for number, (shelf, (size, turn, _)) in enumerate(zip(shelves, turns, strict=True)):
        file = scratch / f"images-{number:05d}.npy"
        with RowFile(file, size) as rows:
            for places, chunk in shelf.chunks():
                good = _finite(chunk)
                for place, row in zip(places, rows.numbers(good), strict=True):
                    path = f"{shelf.block.folder}/{place:06d}"
                    if row is None:
                        findings.append(Finding(path, "unreadable", "holds numbers that are NaN or infinite"))
                    else:
                        entries.append(_entry(shelf.block, place, path, ArrayImage(file, row)))
                rows.append(_rgb(scales[_kind(shelf.dtype)](turn(chunk[good]))))
    return Source(tuple(sorted(entries, key=lambda entry: entry.path)), tuple(findings), tuple(notes))


def _finite(chunk: Array) -> NDArray[np.bool_]:
    """Return for each image whether all of its numbers are numbers."""
    if chunk.dtype.kind != "f":
        return np.ones(len(chunk), dtype=np.bool_)
    return np.asarray(np.isfinite(chunk).reshape(len(chunk), -1).all(axis=1), dtype=np.bool_)


def _entry(block: Block, place: int, path: str, locator: ArrayImage) -> Entry:
    group = block.groups[place] if block.groups is not None else None
    return Entry(path, text_of(block.labels[place]), block.split, locator, group)


def _shelves(block: Block) -> list[_Shelf]:
    if isinstance(block.images, np.ndarray):
        images = block.images
        return [_Shelf(block, range(len(images)), images.shape[1:], images.dtype)] if len(images) else []
    found: dict[tuple[tuple[int, ...], np.dtype[Any]], list[int]] = defaultdict(list)
    for place, image in enumerate(block.images):
        found[image.shape, image.dtype].append(place)
    return [_Shelf(block, places, shape, dtype) for (shape, dtype), places in found.items()]


def _layout(shape: tuple[int, ...], where: Path) -> tuple[tuple[int, int], Callable[[Array], Array], str]:
    """Return height and width, the function that brings (n, *shape) to (n, h, w, C), and a note."""
    size, turn, note = (0, 0), _as_is, ""
    if len(shape) == 1:
        planes = _planes(shape[0])
        what = "one grey plane" if planes[0] == 1 else f"{planes[0]} colour planes"
        note = f"Images are rows of {shape[0]} numbers, read as {what} of {planes[1]}x{planes[2]} pixels."
        size, turn = planes[1:], lambda chunk: np.moveaxis(chunk.reshape(-1, *planes), 1, 3)
    elif len(shape) == 2:
        size, turn = (shape[0], shape[1]), lambda chunk: chunk[..., None]
    elif len(shape) == 3 and (shape[2] in (1, 3) or (shape[2] == 4 and shape[0] not in (1, 3))):
        size = (shape[0], shape[1])
    elif len(shape) == 3 and shape[0] in (1, 3, 4):
        size, turn = (shape[1], shape[2]), lambda chunk: np.moveaxis(chunk, 1, 3)
        note = f"Images are stored channels first ({shape[0]} x height x width)."
    if not 0 < size[0] * size[1] <= MOST_PIXELS:
        raise DataError(
            f"{where} has images of the shape {'x'.join(map(str, shape)) or '(none)'}. An image is height x width, "
            "height x width x channels or channels x height x width, with 1, 3 or 4 channels and at most "
            f"{MOST_PIXELS:,} pixels."
        )
    return size, turn, note


def _planes(length: int) -> tuple[int, int, int]:
    """Return channels, height and width of a square image that is a row of numbers; zeros when it is none."""
    for channels in (1, 3, 4):
        side = math.isqrt(length // channels)
        if channels * side * side == length:
            return channels, side, side
    return 0, 0, 0


def _as_is(chunk: Array) -> Array:
    return chunk


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "b" or dtype == np.uint8:
        return dtype.name
    return {"i": "whole", "u": "whole", "f": "float"}.get(dtype.kind, dtype.name)


def _scales(shelves: Sequence[_Shelf], where: Path) -> tuple[dict[str, Callable[[Array], Pixels]], list[str]]:
    """Return how numbers of each kind become 0..255, judged over all images together, and notes that say so."""
    scales: dict[str, Callable[[Array], Pixels]] = {
        "uint8": lambda chunk: chunk.astype(np.uint8),
        "bool": lambda chunk: chunk.astype(np.uint8) * np.uint8(255),
    }
    notes = []
    for kind, judge in (("whole", _whole), ("float", _float)):
        chosen = [shelf for shelf in shelves if _kind(shelf.dtype) == kind]
        if chosen:
            low, high = _range(chosen)
            scales[kind], note = judge(low, high, where)
            notes.append(note)
    odd = sorted({shelf.dtype.name for shelf in shelves if _kind(shelf.dtype) not in scales})
    if odd:
        raise DataError(f"{where} has images of the type {odd[0]}. Images are booleans, whole numbers or floats.")
    return scales, notes


def _range(shelves: Sequence[_Shelf]) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for shelf in shelves:
        for _, chunk in shelf.chunks():
            finite = chunk[np.isfinite(chunk)] if chunk.dtype.kind == "f" else chunk
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _whole(low: float, high: float, where: Path) -> tuple[Callable[[Array], Pixels], str]:
    if low < 0 or high > 65535:
        raise DataError(
            f"{where} has pixels from {low:.0f} to {high:.0f}. Whole numbers must lie in 0..255 or in 0..65535."
        )
    if high <= 255:
        return lambda chunk: chunk.astype(np.uint8), "Pixels are whole numbers up to 255 and are taken as they are."
    return (
        lambda chunk: ((chunk.astype(np.int64) + 128) // 257).astype(np.uint8),
        f"Pixels are whole numbers up to {high:.0f}; 65535 is taken for white.",
    )


def _float(low: float, high: float, where: Path) -> tuple[Callable[[Array], Pixels], str]:
    first, last = _range_of_floats(low, high, where)
    note = f"Pixels are floats from {low:.4g} to {high:.4g}: {first} is taken for black, {last} for white."
    return partial(_stretched, first=first, last=last), note


def _range_of_floats(low: float, high: float, where: Path) -> tuple[int, int]:
    for first, last in ((0, 1), (-1, 1), (0, 255)):
        slack = _SLACK * (last - first)
        # Numbers from -2 to 3 are standardised ones, not very dark ones.
        likely = last == 1 or low >= 0 or high > _DARK
        if first - slack <= low and high <= last + slack and likely:
            return first, last
    raise DataError(
        f"{where} has pixels from {low:.4g} to {high:.4g}. Floats must lie in [0, 1], [-1, 1] or [0, 255]; undo any "
        "other normalisation before saving."
    )


def black_and_white(images: Array, where: Path) -> tuple[float, float]:
    """Return the numbers that stand for black and for white in an array of images, judged as `store_blocks` does.

    Parameters
    ----------
    images : (n, ...) array
        Booleans, whole numbers or floats.
    where : Path
        What the array is called in messages.

    Raises
    ------
    DataError
        When the type or the range of the numbers is none that is known.
    """
    kind = _kind(images.dtype)
    if kind in ("bool", "uint8"):
        return (0.0, 1.0 if kind == "bool" else 255.0)
    if kind not in ("whole", "float"):
        raise DataError(f"{where} has images of the type {images.dtype}. Images are booleans, whole numbers or floats.")
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    if kind == "float":
        return _range_of_floats(low, high, where)
    _whole(low, high, where)
    return (0.0, 255.0 if high <= 255 else 65535.0)


def as_rgb(images: Array, black: float, white: float, where: Path) -> Pixels:
    """Return (n, h, w, 3) uint8 pixels of an array of images, some at a time.

    Parameters
    ----------
    images : (n, ...) array
        Of a shape that `store_blocks` takes.
    black, white : float
        The numbers that become 0 and 255; what lies beyond is cut off.
    where : Path
        What the array is called in messages.

    Raises
    ------
    DataError
        When the shape is that of no image.
    """
    size, turn, _ = _layout(images.shape[1:], where)
    found = np.empty((len(images), *size, 3), dtype=np.uint8)
    step = max(1, _CHUNK_BYTES // max(1, math.prod(size) * 32))
    for first in range(0, len(images), step):
        chunk = turn(np.asarray(images[first : first + step]))
        found[first : first + step] = _rgb(_stretched(chunk, first=black, last=white))
    return found


def _stretched(chunk: Array, *, first: float, last: float) -> Pixels:
    values = (chunk.astype(np.float64) - first) * (255 / (last - first))
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def _rgb(images: Pixels) -> Pixels:
    """Return (n, h, w, 3) of (n, h, w, 1 or 3 or 4)."""
    if images.shape[3] == 4:
        return np.stack([over_white(image) for image in images]) if len(images) else images[..., :3]
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
