"""The Ray engine: the trainings of a run as tasks on a Ray cluster that is there already."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import socket
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from evenhand.engines.local import ONE_THREAD
from evenhand.errors import EvenhandError, UsageError
from evenhand.progress import Tick

K = TypeVar("K")
V = TypeVar("V")

RETRIES = 2
"""How often Ray begins a task again whose worker or node was lost, wherever there is room; then once more, alone."""
GPU_SHARE = 0.25
"""Part of a GPU that a training takes: the networks are small, and one alone leaves a GPU idle."""
ANSWER = 120
"""Seconds that a node has to say whether it sees the run folder."""


class RayEngine:
    """Tasks on a Ray cluster; use it in a `with` block, which connects and lets go.

    No more tasks are handed out than the nodes that are alive have cores, or with a GPU shares of one. When a worker or
    a node dies, its tasks are begun again elsewhere. Only Ray's core is used.

    Parameters
    ----------
    jobs : int or None
        At most so many tasks at once; None: as many as the cluster has room for.
    address : str, optional
        The cluster's ``host:port``; by default the variable RAY_ADDRESS, else a cluster that runs on this machine.
    gpu : bool
        Whether a task needs a share of a GPU.
    folder : Path, optional
        Where the tasks read and write; every node must see it under the same path.
    alike : callable, optional
        Gives a dictionary that must come out the same on every node; a module-level function.
    may_differ : sequence of str
        Its keys that may differ, which is only told in `notes`.
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        address: str | None = None,
        gpu: bool = False,
        folder: Path | None = None,
        alike: Callable[[], dict[str, Any]] | None = None,
        may_differ: Sequence[str] = (),
    ) -> None:
        self.notes: list[str] = []
        self._most, self._address, self._gpu = jobs, address, gpu
        self._folder, self._alike, self._may_differ = folder, alike, tuple(may_differ)
        self._ray: Any = None
        self._ours = False
        self._running: dict[Any, int] = {}

    def __enter__(self) -> RayEngine:
        """Return the engine, connected.

        Raises
        ------
        UsageError
            When Ray is not installed.
        EvenhandError
            When no cluster answers, it has no room for any task, or a node does not see the folder or has other
            versions.
        """
        try:
            import ray
        except ImportError as error:
            raise UsageError(
                f"The engine ray needs the package {error.name}. Install it with: pip install 'evenhand[ray]'"
            ) from error
        self._ray = ray
        self._connect()
        try:
            if not any(self._room()):
                needs = "a core and a GPU" if self._gpu else "a core"
                raise EvenhandError(f"No node of the Ray cluster has {needs} to give.")
            self._look_around()
        except BaseException:
            self._disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the cluster; what is still in work, after an error, is given up."""
        for reference in self._running:
            with contextlib.suppress(Exception):
                self._ray.cancel(reference, force=True)
        self._running.clear()
        self._disconnect()

    @property
    def jobs(self) -> int:
        """How many tasks the cluster has room for now, at least 1."""
        room = max(1, sum(self._room()))
        return min(room, self._most) if self._most else room

    def map(self, function: Callable[[K], V], keys: Sequence[K], tick: Tick | None = None) -> list[V]:
        """Return ``function(key)`` for every key, in the order of the keys; see `Engine.map`."""
        waiting, again = deque(range(len(keys))), deque[int]()
        outcomes: dict[int, tuple[bool, Any]] = {}
        while waiting or again or self._running:
            while waiting and len(self._running) < self.jobs:
                self._begin(function, keys, waiting.popleft(), RETRIES)
            if not waiting and again and not self._running:
                # Whatever keeps losing its worker is tried once more while nothing else is in work.
                number = again.popleft()
                self._begin(function, keys, number, 0)
                outcomes[number] = self._only_one(keys[number])
                if tick:
                    tick(1)
                continue
            # A short wait at a time, so that Ctrl-C is heard and lost nodes make less work be handed out.
            over, _ = self._ray.wait(list(self._running), num_returns=1, timeout=1.0)
            for reference in over:
                number = self._running.pop(reference)
                found = self._outcome(reference)
                if found is None:
                    again.append(number)
                    continue
                outcomes[number] = found
                if tick:
                    tick(1)
        return [_value(outcomes[number]) for number in range(len(keys))]

    def _begin(self, function: Callable[[K], V], keys: Sequence[K], number: int, retries: int) -> None:
        asked = {"num_cpus": 1, "num_gpus": GPU_SHARE if self._gpu else 0, "max_retries": retries}
        task = self._ray.remote(_carry_out).options(**asked)
        self._running[task.remote(function, keys[number])] = number

    def _only_one(self, key: Any) -> tuple[bool, Any]:
        """Return the outcome of the only key in work."""
        (reference,) = self._running
        while not self._ray.wait([reference], timeout=1.0)[0]:
            pass
        del self._running[reference]
        return self._outcome(reference) or (
            False,
            EvenhandError(
                f"Workers or nodes of the Ray cluster were lost {RETRIES + 2} times over the same work; they may be "
                f"short of memory. Try fewer at once with --jobs. The work was: {key!r}"
            ),
        )

    def _outcome(self, reference: Any) -> tuple[bool, Any] | None:
        """Return whether a finished task went well and what it gave or raised; None where its worker was lost."""
        try:
            found: tuple[bool, Any] = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            # Not from the work itself, whose errors travel as values: the node could not even begin it.
            return False, EvenhandError(f"A node of the Ray cluster cannot do the work: {error.cause or error}")
        except self._ray.exceptions.RayError:
            return None
        return found

    def _connect(self) -> None:
        self._ours = not self._ray.is_initialized()
        if not self._ours:
            return
        asked = self._address or os.environ.get("RAY_ADDRESS") or "auto"
        try:
            self._ray.init(address=asked, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            where = f"at {asked}" if asked != "auto" else "on this machine"
            raise EvenhandError(
                f"No Ray cluster answers {where} ({error}). Start one with `ray start --head`, or name one with "
                "--address HOST:PORT."
            ) from error

    def _disconnect(self) -> None:
        if self._ours:
            self._ray.shutdown()
            self._ours = False

    def _nodes(self) -> Iterator[dict[str, Any]]:
        """Yield the nodes that are alive and may be given work."""
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1:
                yield node

    def _room(self) -> list[int]:
        """Return how many tasks each node has room for, others' work not counted."""
        found = []
        for node in self._nodes():
            cores = int(node["Resources"]["CPU"])
            shares = int(node["Resources"].get("GPU", 0) / GPU_SHARE)
            found.append(min(cores, shares) if self._gpu else cores)
        return found

    def _look_around(self) -> None:
        """Make sure that every node sees the folder and has the same versions.

        Raises
        ------
        EvenhandError
            When one does not.
        """
        mark = self._folder and self._folder / f".shared-{uuid.uuid4().hex}.tmp"
        try:
            if mark:
                mark.touch()
            answers = list(self._ask_all(mark))
        finally:
            if mark:
                mark.unlink(missing_ok=True)
        blind = sorted({name for name, sees, _ in answers if not sees})
        if blind:
            raise EvenhandError(
                f"These nodes of the Ray cluster cannot write to the run folder {self._folder}: {', '.join(blind)}. "
                "Trainings leave their results there, so all nodes must see it under the same path. Name a folder on "
                "a file system that they share with --out."
            )
        self._compare([(name, told) for name, _, told in answers])

    def _ask_all(self, mark: Path | None) -> Iterator[tuple[str, bool, dict[str, Any]]]:
        """Yield each node's name, whether it sees the mark and can write beside it, and what must be alike."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked = {}
        for node in self._nodes():
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = self._ray.remote(_carry_out).options(num_cpus=0, max_retries=1, scheduling_strategy=there)
            asked[task.remote(_describe, (mark, self._alike))] = node
        over, silent = self._ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER)
        if silent:
            names = ", ".join(sorted(asked[reference]["NodeName"] for reference in silent))
            raise EvenhandError(f"These nodes of the Ray cluster do not answer: {names}.")
        for reference in over:
            found = self._outcome(reference)
            # A node that went while it was asked will be given no work either.
            if found is not None:
                yield _value(found)

    def _compare(self, answers: Sequence[tuple[str, dict[str, Any]]]) -> None:
        here = self._alike() if self._alike else {}
        for name, told in sorted(answers, key=lambda answer: answer[0]):
            other = [key for key in here if told.get(key) != here[key]]
            words = "; ".join(f"{key} is {told.get(key)}, here {here[key]}" for key in other)
            if set(other) - set(self._may_differ):
                raise EvenhandError(
                    f"The node {name} of the Ray cluster would compute other figures: {words}. Install the same "
                    "versions on all nodes."
                )
            if other and (note := f"The node {name} may differ in the last digits: {words}.") not in self.notes:
                self.notes.append(note)


def _value(outcome: tuple[bool, Any]) -> Any:
    good, found = outcome
    if good:
        return found
    raise found


def _carry_out(function: Callable[[Any], Any], key: Any) -> tuple[bool, Any]:
    """Do one key's work on a node; return whether it went well, and what it gave or raised."""
    for name in ONE_THREAD:
        os.environ[name] = "1"
    try:
        return True, function(key)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
        except Exception:
            return False, EvenhandError(f"{type(error).__name__}: {error}")
        return False, error


def _describe(asked: tuple[Path | None, Callable[[], dict[str, Any]] | None]) -> tuple[str, bool, dict[str, Any]]:
    """Return this node's name, whether it sees the mark and can write beside it, and what must be alike."""
    mark, alike = asked
    sees = mark is None or mark.is_file()
    if mark is not None and sees:
        beside = mark.with_name(f".shared-{uuid.uuid4().hex}.tmp")
        try:
            beside.touch()
            beside.unlink()
        except OSError:
            sees = False
    return socket.gethostname(), sees, alike() if alike else {}
