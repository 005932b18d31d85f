"""What every engine promises, as one public check that new engines are tested with."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from evenhand.engines.engine import Engine
from evenhand.errors import EvenhandError


class EngineContractError(AssertionError):
    """An engine breaks a promise that the studies rely on."""


def check_engine(make: Callable[[], AbstractContextManager[Engine]], folder: Path | None = None) -> None:
    """Do nothing when an engine keeps the contract.

    Results come in the order of the keys and every key ticks once; no work is no trouble. A key that fails does not
    keep the others from being finished, the first one's error is raised as it was, one that cannot travel arrives as
    words, and the engine works on afterwards. Work computes with one thread. When a worker dies, its work is done
    again, and all results are there; work that always kills its worker is named, and nothing else is lost.

    Parameters
    ----------
    make : callable
        Returns a fresh engine of two or more workers, to be used in a `with` block.
    folder : Path, optional
        An empty folder that all workers see; by default a temporary one of this machine.

    Raises
    ------
    EngineContractError
        When a promise is broken; the message says which.
    """
    with tempfile.TemporaryDirectory() as own:
        place = folder or Path(own)
        with make() as engine:
            for check in _CHECKS:
                check(engine, place)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise EngineContractError(f"The engine breaks its contract: {what}")


def _in_order(engine: Engine, _: Path) -> None:
    ticks: list[int] = []
    keys = [4, 0, 1, 3, 2]
    found = engine.map(_slow_square, keys, ticks.append)
    _require(found == [key * key for key in keys], f"the squares of {keys} came as {found}.")
    _require(ticks == [1] * len(keys), f"{len(keys)} keys ticked {ticks}.")
    _require(engine.map(_slow_square, []) == [], "no keys gave something.")
    _require(engine.jobs >= 1, f"it says that it works on {engine.jobs} keys at once.")


def _errors(engine: Engine, folder: Path) -> None:
    ticks: list[int] = []
    keys = [(folder, number) for number in (4, 1, 3, 2, 0)]
    try:
        engine.map(_odd_fails, keys, ticks.append)
    except ValueError as error:
        _require(str(error) == "number 1 is odd", f"the first error was raised as {error!r}.")
    except Exception as error:
        raise EngineContractError(f"The engine breaks its contract: a ValueError was raised as {error!r}.") from error
    else:
        _require(False, "an error was swallowed.")
    done = sorted(path.name for path in folder.glob("even-*"))
    _require(done == ["even-0", "even-2", "even-4"], f"beside a key that fails only {done} were finished.")
    _require(ticks == [1] * len(keys), f"{len(keys)} keys, two of which fail, ticked {ticks}.")
    try:
        engine.map(_not_travelling, [0])
    except EvenhandError as error:
        _require("cannot travel" in str(error), f"what an error said was lost: {error}.")
    except Exception as error:
        raise EngineContractError(
            f"The engine breaks its contract: an error that cannot travel was raised as {error!r}."
        ) from error
    else:
        _require(False, "an error that cannot travel was swallowed.")
    _require(engine.map(_slow_square, [3]) == [9], "after an error it works no more.")


def _threads(engine: Engine, _: Path) -> None:
    found = engine.map(_thread_limit, [0])
    _require(found == ["1"], f"workers compute with OMP_NUM_THREADS={found[0]}.")


def _lost_once(engine: Engine, folder: Path) -> None:
    keys = [(folder, number) for number in range(4)]
    found = engine.map(_die_once, keys)
    _require(found == [0, 1, 2, 3], f"after a worker had died, the results were {found}.")
    begun = (folder / "begun-1").read_text(encoding="utf-8").count("\n")
    _require(begun == 2, f"work whose worker died once was begun {begun} times.")


def _lost_always(engine: Engine, folder: Path) -> None:
    keys = [(folder, number) for number in range(4)]
    try:
        engine.map(_die_always, keys)
    except EvenhandError as error:
        _require(folder.as_posix() in str(error), f"the work that kills its workers is not named: {error}.")
    except Exception as error:
        raise EngineContractError(
            f"The engine breaks its contract: work that kills its workers was raised as {error!r}."
        ) from error
    else:
        _require(False, "work that kills its workers was reported as done.")
    done = sorted(path.name for path in folder.glob("alive-*"))
    _require(done == ["alive-0", "alive-2", "alive-3"], f"beside work that kills its workers only {done} were done.")
    _require(engine.map(_slow_square, [3]) == [9], "after a worker had died it works no more.")


_CHECKS = (_in_order, _errors, _threads, _lost_once, _lost_always)


def _slow_square(number: int) -> int:
    time.sleep(0.05 * (5 - number))
    return number * number


def _odd_fails(key: tuple[Path, int]) -> int:
    folder, number = key
    time.sleep(0.02 * number)
    if number % 2:
        raise ValueError(f"number {number} is odd")
    (folder / f"even-{number}").touch()
    return number


class _NotTravellingError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def _not_travelling(_: int) -> None:
    raise _NotTravellingError("cannot", "travel")


def _thread_limit(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def _die_once(key: tuple[Path, int]) -> int:
    folder, number = key
    with (folder / f"begun-{number}").open("a", encoding="utf-8") as file:
        file.write("begun\n")
    if number == 1 and not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(1)
    return number


def _die_always(key: tuple[Path, int]) -> int:
    folder, number = key
    if number == 1:
        os._exit(1)
    (folder / f"alive-{number}").touch()
    return number
