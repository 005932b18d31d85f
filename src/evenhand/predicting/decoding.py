"""Decoding ahead: pictures become pixels in other processes while the model is asked, few of them in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from evenhand.data.locations import UndecodableError, read_bytes, row_of
from evenhand.data.npy import reserve
from evenhand.data.pixels import decode, resize
from evenhand.data.readers.source import ArrayImage
from evenhand.engines.streaming import StreamingEngine
from evenhand.predicting.inputs import Item
from evenhand.records.values import Pixels

MOST = 256
"""Pictures of one batch; fewer where they are large."""
_BYTES = 2**23
_SERIAL = 64
"""Fewer pictures than this are decoded in this process: starting others would take longer."""


@dataclass(frozen=True)
class Batch:
    """Some pictures in order: `errors` says why a picture has no pixels, or nothing.

    `pixels` is (n, height, width, 3) uint8; rows of pictures with an error hold nothing of use.
    """

    items: tuple[Item, ...]
    errors: tuple[str, ...]
    pixels: Pixels


def decoded(items: Iterable[Item], size: tuple[int, int], scratch: Path, *, jobs: int = 1) -> Iterator[Batch]:
    """Yield all pictures in order, decoded and brought to `size`, a batch at a time.

    Parameters
    ----------
    items : iterable of Item
        Taken as they are needed.
    size : tuple of int
        Height and width, in pixels.
    scratch : Path
        An existing folder for the pixels on their way from one process to another.
    jobs : int
        Processes that decode. Few pictures are decoded in this process.

    Raises
    ------
    EvenhandError
        When the disk of `scratch` is full, or a process died twice over one batch.
    """
    source = iter(items)
    begin = list(islice(source, _SERIAL))
    rest = next(source, None)
    if rest is None or jobs == 1:
        everything = chain(begin, () if rest is None else (rest,), source)
        for part in _parts(everything, size):
            pixels = np.zeros((len(part), *size, 3), dtype=np.uint8)
            yield Batch(part, _fill(part, pixels), pixels)
        return
    yield from _in_processes(chain(begin, (rest,), source), size, scratch, jobs)


def _in_processes(items: Iterator[Item], size: tuple[int, int], scratch: Path, jobs: int) -> Iterator[Batch]:
    ahead = 2 * jobs + 1
    slots = [scratch / f"slot-{number}.npy" for number in range(ahead)]
    for slot in slots:
        reserve(slot, _batch(size), size)
    maps = [np.load(slot, mmap_mode="r") for slot in slots]
    waiting: deque[tuple[Item, ...]] = deque()

    def works() -> Iterator[_Work]:
        for number, part in enumerate(_parts(items, size)):
            waiting.append(part)
            yield _Work(slots[number % ahead], part)

    engine = StreamingEngine(jobs)
    with engine:
        # A slot is used again only when what was in it has been copied: results come in order, `ahead` at most wait.
        for number, errors in enumerate(engine.stream(_work, works(), ahead=ahead)):
            part = waiting.popleft()
            yield Batch(part, errors, np.array(maps[number % ahead][: len(part)]))


@dataclass(frozen=True)
class _Work:
    slot: Path
    items: tuple[Item, ...]


def _work(work: _Work) -> tuple[str, ...]:
    """Decode a batch into its slot, and return its errors. Runs in a worker process."""
    return _fill(work.items, np.lib.format.open_memmap(work.slot, mode="r+"))


def _fill(items: tuple[Item, ...], pixels: Pixels) -> tuple[str, ...]:
    """Decode pictures into the rows of an array; return why, for each that has no pixels."""
    size = (int(pixels.shape[1]), int(pixels.shape[2]))
    errors = []
    for row, item in enumerate(items):
        if item.locator is None:
            errors.append(item.error)
            continue
        try:
            found = row_of(item.locator) if isinstance(item.locator, ArrayImage) else decode(read_bytes(item.locator))
            pixels[row] = resize(found, size)
            errors.append("")
        except UndecodableError as error:
            errors.append(f"{error.kind}: {error.detail}")
    return tuple(errors)


def _batch(size: tuple[int, int]) -> int:
    """Return how many pictures of a size make a batch."""
    return max(1, min(MOST, _BYTES // (size[0] * size[1] * 3)))


def _parts(items: Iterator[Item], size: tuple[int, int]) -> Iterator[tuple[Item, ...]]:
    while part := tuple(islice(items, _batch(size))):
        yield part
