import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from evenhand.predicting.asking import answered
from evenhand.predicting.decoding import Batch
from evenhand.predicting.inputs import Item
from evenhand.records.values import Floats, Pixels


class Slow:
    """Says the brightness of each image; dark ones take longer."""

    classes = ("dark", "bright")
    size = (2, 2)

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.torch_threads: set[int] = set()

    def probabilities(self, pixels: Pixels) -> Floats:
        self.threads.add(threading.current_thread().name)
        self.torch_threads.add(torch.get_num_threads())
        time.sleep(0.02 if pixels[0, 0, 0, 0] % 2 else 0.001)
        bright = pixels[:, 0, 0, 0].astype(np.float32) / 255
        return np.stack([1 - bright, bright], axis=1)


def batches(n: int, taken: list[int]) -> Iterator[Batch]:
    for number in range(n):
        taken.append(number)
        errors = ("", "broken") if number == 3 else ("", "")
        if number == 4:
            errors = ("gone", "gone")
        yield Batch((Item("x", None),) * 2, errors, np.full((2, 2, 2, 3), number, dtype=np.uint8))


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_back_in_order_and_few_are_held(threads: int) -> None:
    model, taken, before = Slow(), [], torch.get_num_threads()
    for number, (batch, found) in enumerate(answered(model, batches(12, taken), threads=threads)):
        assert batch.pixels[0, 0, 0, 0] == number
        assert len(taken) <= number + threads + 1
        good = np.array([not error for error in batch.errors])
        assert np.isnan(found[~good]).all()
        np.testing.assert_allclose(found[good, 1], number / 255, rtol=1e-6)
    assert number == 11
    assert len(model.threads) == (1 if threads == 1 else 3)
    if threads > 1:
        assert model.torch_threads == {1}
    assert torch.get_num_threads() == before


def test_whoever_stops_early_leaves_nothing_running() -> None:
    before = threading.active_count()
    found = answered(Slow(), batches(100, []), threads=2)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_what_the_model_raises_arrives() -> None:
    class Broken(Slow):
        def probabilities(self, pixels: Pixels) -> Floats:
            raise MemoryError

    with pytest.raises(MemoryError):
        list(answered(Broken(), batches(5, []), threads=2))
