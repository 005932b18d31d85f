"""What the tests let workers do: module-level functions, since work travels by name."""

import os
import signal
import sys
import time
from pathlib import Path

from evenhand.engines.local import LocalEngine


def square(number: int) -> int:
    return number * number


def slow_square(number: int) -> int:
    time.sleep(0.1 * (5 - number))
    return number * number


def process(_: object) -> int:
    time.sleep(0.05)
    return os.getpid()


def surroundings(_: object) -> dict[str, object]:
    import torch

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {name: os.environ.get(name) for name in names} | {"torch": torch.get_num_threads()}


def note(task: tuple[Path, int]) -> int:
    """Leave a file; an odd number is an error."""
    folder, number = task
    time.sleep(0.02 * number)
    if number % 2:
        raise ValueError(f"number {number} is odd")
    (folder / str(number)).touch()
    return number


class NotTravellingError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def not_travelling(_: object) -> None:
    raise NotTravellingError("cannot", "travel")


def give_function(_: object) -> object:
    return lambda: None


def die_once(task: tuple[Path, int]) -> int:
    """Be killed the first time the number 1 comes; tell how often each number was begun."""
    folder, number = task
    with (folder / f"begun-{number}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.2)
    if number == 1 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return number


def die_always(task: tuple[Path, int]) -> int:
    folder, number = task
    time.sleep(0.1)
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    (folder / f"done-{number}").touch()
    return number


def arrive(folder: Path) -> None:
    """Leave this worker's number, and stay until the other worker is there too."""
    (folder / f"worker-{os.getpid()}").touch()
    while len(list(folder.glob("worker-*"))) < 2:
        time.sleep(0.02)


def wait_long(folder: Path) -> None:
    (folder / "waiting").touch()
    time.sleep(60)


if __name__ == "__main__":
    import engine_work

    with LocalEngine(2) as engine:
        engine.map(engine_work.arrive, [Path(sys.argv[1])] * 2)
        # One worker is busy now, the other has nothing to do.
        engine.map(engine_work.wait_long, [Path(sys.argv[1])])
