"""The contract of engines: ours keep it, and one that breaks a promise is found out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from evenhand.engines import contract
from evenhand.engines.catalogue import ENGINES
from evenhand.engines.contract import EngineContractError, check_engine
from evenhand.engines.local import LocalEngine
from evenhand.settings.commands import ENGINES as NAMES


def test_the_local_engine_keeps_the_contract() -> None:
    check_engine(lambda: LocalEngine(2))


def test_the_names_of_the_settings_are_those_of_the_catalogue() -> None:
    assert tuple(ENGINES) == NAMES
    with ENGINES["local"](3, address=None, gpu=False) as engine:
        assert engine.jobs == 3


class Threads:
    """An engine in this process that keeps most promises; `turn` breaks one."""

    jobs = 2

    def __init__(self, turn: Callable[[list[Any]], list[Any]] = list, ticks: int = 1) -> None:
        self.turn, self.ticks = turn, ticks

    def map(self, function: Callable[[Any], Any], keys: Sequence[Any], tick: Any = None) -> list[Any]:
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(function, key) for key in keys]
        for _ in keys:
            if tick:
                tick(self.ticks)
        return self.turn([future.result() for future in futures])


class Swallows(Threads):
    def map(self, function: Callable[[Any], Any], keys: Sequence[Any], tick: Any = None) -> list[Any]:
        found = []
        for key in keys:
            try:
                found.append(super().map(function, [key], tick)[0])
            except ValueError:
                found.append(None)
        return found


class GivesUp(Threads):
    """Stops at the first error, as a plain loop does."""

    def map(self, function: Callable[[Any], Any], keys: Sequence[Any], tick: Any = None) -> list[Any]:
        return [super(GivesUp, self).map(function, [key], tick)[0] for key in keys]


def check(engine: Any) -> None:
    make: Callable[[], AbstractContextManager[Any]] = lambda: nullcontext(engine)  # noqa: E731
    check_engine(make)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Threads(lambda found: found[::-1]), r"the squares of .* came as"),
        (Threads(ticks=2), "ticked"),
        (Swallows(), "an error was swallowed"),
        (GivesUp(), r"only \['even-4'\] were finished"),
        (Threads(), "an error that cannot travel was raised as _NotTravellingError"),
    ],
)
def test_an_engine_that_breaks_a_promise_is_found_out(engine: Any, words: str) -> None:
    with pytest.raises(EngineContractError, match=words):
        check(engine)


def test_threads_that_are_not_held_to_one_are_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    with pytest.raises(EngineContractError, match="OMP_NUM_THREADS=8"):
        contract._threads(Threads(), tmp_path)
