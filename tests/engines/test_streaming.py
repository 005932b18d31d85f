import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenhand.engines.streaming import StreamingEngine
from evenhand.errors import EvenhandError


def slowly_doubled(number: int) -> int:
    # Earlier keys take longer: order is not that of finishing.
    time.sleep(0.03 * (4 - number % 4))
    return 2 * number


def dies_once(task: tuple[int, str]) -> int:
    number, place = task
    marker = Path(place)
    if number == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_dies(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuses_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def test_results_come_in_the_order_of_the_keys() -> None:
    with StreamingEngine(2) as engine:
        assert list(engine.stream(slowly_doubled, range(12), ahead=5)) == [2 * number for number in range(12)]
        assert list(engine.stream(slowly_doubled, [], ahead=5)) == []


def test_keys_are_taken_only_as_they_are_needed() -> None:
    taken = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    with StreamingEngine(2) as engine:
        stream = engine.stream(slowly_doubled, endless(), ahead=3)
        for number in range(6):
            assert next(stream) == 2 * number
            # What is waiting or in work, and what was handed over already.
            assert len(taken) <= 3 + number + 1
        stream.close()


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    tasks = [(number, str(tmp_path / "died")) for number in range(9)]
    with StreamingEngine(2) as engine:
        assert list(engine.stream(dies_once, tasks, ahead=5)) == list(range(9))
    assert (tmp_path / "died").exists()


def test_work_that_kills_its_worker_twice_is_named() -> None:
    with StreamingEngine(2) as engine:
        stream = engine.stream(always_dies, range(4), ahead=2)
        assert next(stream) == 0
        with pytest.raises(EvenhandError, match=r"died twice.*1"):
            list(stream)


def test_what_the_work_raises_arrives_in_its_turn() -> None:
    with StreamingEngine(2) as engine:
        stream = engine.stream(refuses_two, range(4), ahead=4)
        assert [next(stream), next(stream)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            next(stream)
