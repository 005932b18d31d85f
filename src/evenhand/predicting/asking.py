"""Asking ahead: batches go through the model on several threads, and come back in order."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from evenhand.predicting.decoding import Batch
from evenhand.records.values import Floats, Pixels


class Answering(Protocol):
    """A model: it has classes, a size of images, and probabilities."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, in pixels."""

    def probabilities(self, pixels: Pixels) -> Floats:
        """Return (n, K) float32 probabilities of (n, height, width, 3) uint8 pixels."""


def answered(model: Answering, batches: Iterable[Batch], *, threads: int = 1) -> Iterator[tuple[Batch, Floats]]:
    """Yield each batch with its (n, K) probabilities, in order; rows of pictures without pixels are NaN.

    While one batch is asked about, others are decoded or asked about: at most `threads` + 1 are in memory.

    Parameters
    ----------
    model : Answering
    batches : iterable of Batch
    threads : int
        Batches that are asked about at once, each on one processor thread.
    """
    if threads == 1:
        for batch in batches:
            yield batch, _ask(model, batch)
        return
    with _one_thread_each(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Batch, Future[Floats]]] = deque()
        try:
            for batch in batches:
                waiting.append((batch, pool.submit(_ask, model, batch)))
                if len(waiting) > threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ask(model: Answering, batch: Batch) -> Floats:
    good = np.array([not error for error in batch.errors])
    if good.all():
        return model.probabilities(batch.pixels)
    found = np.full((len(good), len(model.classes)), np.nan, dtype=np.float32)
    if good.any():
        found[good] = model.probabilities(batch.pixels[good])
    return found


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let torch compute each batch on one thread: threads of one batch would wait for each other, batches do not."""
    torch = sys.modules.get("torch")
    if torch is None:  # the model is asked through onnxruntime
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
