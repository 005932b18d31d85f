import asyncio
import threading
import time

import numpy as np
import pytest

from evenhand.records.values import Floats, Pixels
from evenhand.serving.batcher import MOST, Batcher


class Slow:
    """Says what is in the corner of each image, after a while."""

    def __init__(self) -> None:
        self.running = 0

    def probabilities(self, pixels: Pixels) -> Floats:
        self.running += 1
        assert self.running == 1
        time.sleep(0.02)
        self.running -= 1
        if (pixels == 255).any():
            raise MemoryError
        return pixels[:, :1, 0, 0].astype(np.float32)


def image(number: int) -> np.ndarray:
    return np.full((2, 2, 3), number, dtype=np.uint8)


def test_everyone_gets_their_own_answer_and_batches_form_while_the_model_is_busy() -> None:
    sizes: list[int] = []

    async def work() -> list[float]:
        batcher = Batcher(Slow(), sizes.append)
        answers = await asyncio.gather(*(batcher.ask(image(number)) for number in range(100)))
        batcher.close()
        return [float(answer[0]) for answer in answers]

    assert asyncio.run(work()) == list(range(100))
    assert sum(sizes) == 100
    assert max(sizes) == MOST
    assert len(sizes) <= 5


def test_one_alone_does_not_wait_for_others() -> None:
    async def work() -> float:
        batcher = Batcher(Slow(), lambda _: None)
        start = time.perf_counter()
        await batcher.ask(image(1))
        batcher.close()
        return time.perf_counter() - start

    assert asyncio.run(work()) < 1


def test_who_goes_away_is_not_asked_for_and_an_error_ends_nobody_elses_answer() -> None:
    sizes: list[int] = []

    async def work() -> None:
        batcher = Batcher(Slow(), sizes.append)
        first = asyncio.create_task(batcher.ask(image(255)))
        await asyncio.sleep(0.005)
        gone, kept = asyncio.create_task(batcher.ask(image(2))), asyncio.create_task(batcher.ask(image(3)))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(MemoryError):
            await first
        assert (await kept)[0] == 3
        assert (await batcher.ask(image(4)))[0] == 4
        batcher.close()

    asyncio.run(work())
    assert sizes == [1, 1, 1]
    assert not any(thread.name.startswith("model") and thread.is_alive() for thread in threading.enumerate())
