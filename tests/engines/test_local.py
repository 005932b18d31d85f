import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evenhand.engines.local import LocalEngine
from evenhand.errors import EvenhandError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The functions that workers are given; their module is found by name in every worker."""
    monkeypatch.syspath_prepend(str(HERE))
    import engine_work

    return engine_work


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    with LocalEngine(2) as engine:
        yield engine


def alive(pid: int) -> bool:
    """Return whether a process runs; one that is dead and only not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_results_come_in_the_order_of_the_keys_and_ticks_once_each(engine: LocalEngine, work: Any) -> None:
    ticks: list[int] = []
    assert engine.map(work.slow_square, [4, 0, 1, 3, 2], ticks.append) == [16, 0, 1, 9, 4]
    assert ticks == [1] * 5
    assert engine.map(work.square, []) == []


def test_workers_live_on_between_calls_and_are_gone_afterwards(work: Any) -> None:
    with LocalEngine(2) as engine:
        first = set(engine.map(work.process, range(8)))
        second = set(engine.map(work.process, range(8)))
        assert first == second
        assert len(first) == 2
        assert os.getpid() not in first
    assert not any(map(alive, first))


def test_no_more_workers_start_than_there_is_work(work: Any) -> None:
    with LocalEngine(3) as engine:
        assert len(set(engine.map(work.process, range(1)))) == 1
        assert len(engine._context.workers) <= 3


def test_workers_compute_with_one_thread(engine: LocalEngine, work: Any) -> None:
    assert engine.map(work.surroundings, [0]) == [
        {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "torch": 1}
    ]


def test_an_error_waits_for_the_others_and_the_first_key_counts(engine: LocalEngine, work: Any, tmp_path: Path) -> None:
    ticks: list[int] = []
    with pytest.raises(ValueError, match="number 1 is odd"):
        engine.map(work.note, [(tmp_path, number) for number in (4, 1, 3, 2, 0)], ticks.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2", "4"]
    assert ticks == [1] * 5
    assert engine.map(work.square, [3]) == [9]


def test_an_error_that_cannot_travel_arrives_as_words(engine: LocalEngine, work: Any) -> None:
    with pytest.raises(EvenhandError, match="NotTravellingError: cannot travel"):
        engine.map(work.not_travelling, [0])
    with pytest.raises(Exception, match="pickle"):
        engine.map(work.give_function, [0])


def test_a_killed_worker_is_replaced_and_its_work_done_again(engine: LocalEngine, work: Any, tmp_path: Path) -> None:
    numbers = list(range(6))
    assert engine.map(work.die_once, [(tmp_path, number) for number in numbers]) == numbers
    begun = {number: len((tmp_path / f"begun-{number}").read_text().split()) for number in numbers}
    assert begun[1] == 2
    # Besides it only what was in work at that moment, on one other worker, was begun again.
    assert sum(begun.values()) <= len(numbers) + 2


def test_work_that_kills_its_worker_twice_is_named_and_nothing_else_is_blamed(
    engine: LocalEngine, work: Any, tmp_path: Path
) -> None:
    with pytest.raises(EvenhandError, match=r"died twice.*--jobs.*, 1\)") as caught:
        engine.map(work.die_always, [(tmp_path, number) for number in range(5)])
    assert caught.value.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done-0", "done-2", "done-3", "done-4"]
    assert engine.map(work.square, [3]) == [9]


def test_other_children_of_the_process_are_left_alone(work: Any, tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    try:
        with pytest.raises(ValueError, match="odd"), LocalEngine(1) as engine:
            engine.map(work.note, [(tmp_path, 1)])
        assert other.is_alive()
        with LocalEngine(1) as first, LocalEngine(1) as second:
            pid = second.map(work.process, [0])
            first.map(work.square, [1])
            first._close(at_once=True)
            assert second.map(work.process, [0]) == pid
    finally:
        other.kill()
        other.join()


def test_a_script_that_is_not_guarded_is_not_run_again_by_every_worker(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import math\nfrom evenhand.engines.local import LocalEngine\n"
        "print('begun')\nwith LocalEngine(2) as engine:\n    print(engine.map(math.sqrt, [4.0, 9.0]))\n"
    )
    said = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "begun\n[2.0, 3.0]\n"


def started(folder: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a process with a busy and an idle worker, in a process group of its own."""
    parent = subprocess.Popen(
        [sys.executable, str(HERE / "engine_work.py"), str(folder)], start_new_session=True, stderr=subprocess.PIPE
    )
    assert until(lambda: (folder / "waiting").exists())
    return parent, [int(path.name.partition("-")[2]) for path in folder.glob("worker-*")]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", ["killed", "interrupted", "interrupted as a group"])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: str) -> None:
    parent, workers = started(tmp_path)
    assert len(workers) == 2
    assert all(map(alive, workers))
    try:
        if how == "killed":
            parent.kill()
        elif how == "interrupted":
            parent.send_signal(signal.SIGINT)
        else:
            os.killpg(parent.pid, signal.SIGINT)
        _, errors = parent.communicate(timeout=20)
        assert until(lambda: not any(map(alive, workers)), 10)
        if how != "killed":
            # The workers leave quietly; the one traceback is the parent's.
            assert errors.count(b"KeyboardInterrupt") == 1, errors.decode()
    finally:
        parent.kill()
        parent.wait()
