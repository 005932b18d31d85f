"""Micro-batches: whatever waits while the model is busy goes through it together, next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from evenhand.records.values import Floats, Pixels

MOST = 32
"""Images of one batch."""


class Answering(Protocol):
    """A model that can be asked about a batch."""

    def probabilities(self, pixels: Pixels) -> Floats:
        """Return (n, K) float32 probabilities of (n, height, width, 3) uint8 pixels."""


class Batcher:
    """Asks a model about images of many requests, one batch at a time.

    An image that comes while the model is idle is asked about at once; nothing waits for company.

    Parameters
    ----------
    model : Answering
    told : callable
        Told the number of images of each batch.
    """

    def __init__(self, model: Answering, told: Callable[[int], None]) -> None:
        self._model, self._told = model, told
        self._waiting: deque[tuple[Pixels, asyncio.Future[Floats]]] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._task: asyncio.Task[None] | None = None

    async def ask(self, pixels: Pixels) -> Floats:
        """Return the (K,) probabilities of one (height, width, 3) uint8 image of the model's size."""
        future: asyncio.Future[Floats] = asyncio.get_running_loop().create_future()
        self._waiting.append((pixels, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """Let go of the thread."""
        self._pool.shutdown(cancel_futures=True)

    async def _work(self) -> None:
        """Ask until nobody waits."""
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                # Whoever has gone away meanwhile is not asked for.
                batch = [(pixels, future) for pixels, future in batch if not future.done()]
                if batch:
                    await self._ask(batch)
        finally:
            self._task = None

    async def _ask(self, batch: list[tuple[Pixels, asyncio.Future[Floats]]]) -> None:
        self._told(len(batch))
        images = np.stack([pixels for pixels, _ in batch])
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, self._model.probabilities, images)
        except Exception as error:  # each of them is told; the next batch is tried all the same
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), row in zip(batch, found, strict=True):
            if not future.done():
                future.set_result(row)
