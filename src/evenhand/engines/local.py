"""The local engine: long-lived worker processes on this machine, one thread each. It knows nothing of its work."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType, TracebackType
from typing import Any, TypeVar

from evenhand.errors import EvenhandError
from evenhand.progress import Tick

K = TypeVar("K")
V = TypeVar("V")

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalEngine:
    """Worker processes that stay alive over many calls of `map`; use it in a `with` block.

    Each worker starts afresh, computes with one thread (so that results do not depend on how many there are), and
    ends by itself when this process is gone, however it went.

    Parameters
    ----------
    jobs : int
        Number of worker processes, at least 1.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = max(1, jobs)
        self._context = _Spawning()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> LocalEngine:
        """Return the engine; its workers start when the first work comes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the workers; after an error without waiting for what they are at."""
        self._close(at_once=error is not None)

    def map(self, function: Callable[[K], V], keys: Sequence[K], tick: Tick | None = None) -> list[V]:
        """Return ``function(key)`` for every key, in the order of the keys.

        When a worker dies, what was in work is tried once more, one key at a time: a key is not blamed for its
        neighbour, and one that was short of memory has it to itself. When a key fails, the others are finished first.

        Parameters
        ----------
        function : callable
            A module-level function; it travels by name, so it must not be one of the script that is run.
        keys : sequence
            Small values that can be pickled.
        tick : callable, optional
            Told 1 whenever a key is done.

        Raises
        ------
        Exception
            What the function raised for the first key that failed.
        EvenhandError
            When a worker died twice over the first key that failed, or what it raised could not travel.
        """
        waiting = deque(range(len(keys)))
        running: dict[Future[V], int] = {}
        outcomes: dict[int, Future[V]] = {}
        while waiting or running:
            # No more keys are handed out than there are workers: when one dies, few are in doubt.
            while waiting and len(running) < self.jobs:
                number = waiting.popleft()
                running[self._submit(function, keys[number])] = number
            over = wait(running, return_when=FIRST_COMPLETED).done
            if any(_died(future) for future in over):
                # The pool is broken, and with it everything that was in work.
                self._close(at_once=True)
                over = wait(running).done
            for future in over:
                number = running.pop(future)
                outcomes[number] = self._once_more(function, keys[number]) if _died(future) else future
                if tick:
                    tick(1)
        return [outcomes[number].result() for number in range(len(keys))]

    def _once_more(self, function: Callable[[K], V], key: K) -> Future[V]:
        """Return the outcome of a key whose worker died, tried again while nothing else is in work."""
        future = self._submit(function, key)
        wait([future])
        if not _died(future):
            return future
        self._close(at_once=True)
        lost: Future[V] = Future()
        lost.set_exception(
            EvenhandError(
                "A worker process died twice at the same work; the machine may be short of memory. "
                f"Try fewer workers with --jobs. The work was: {key!r}"
            )
        )
        return lost

    def _submit(self, function: Callable[[K], V], key: K) -> Future[V]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.jobs, mp_context=self._context, initializer=_begin)
        try:
            return self._pool.submit(_carry_out, function, key)
        except BrokenProcessPool as error:
            broken: Future[V] = Future()
            broken.set_exception(error)
            return broken

    def _close(self, *, at_once: bool) -> None:
        if self._pool is None:
            return
        if at_once:
            for worker in self._context.workers:
                worker.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._context.workers.clear()
        self._pool = None


class _Spawning(SpawnContext):
    """Starts worker processes and knows which they are: the process may have other children."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[SpawnProcess] = []

    def Process(self, *words: Any, **named: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        """Return a new worker; the pool calls this."""
        worker = _Worker(*words, **named)
        self.workers.append(worker)
        return worker


class _Worker(SpawnProcess):
    """A worker that does not run the caller's script again: what it is to do comes from modules.

    Python would have it run the script first, and so start everything over again where that is not guarded by
    ``if __name__ == "__main__"``.
    """

    def start(self) -> None:
        """Start the worker."""
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = script


def _died(future: Future[Any]) -> bool:
    """Return whether a finished future has no outcome because a worker died."""
    return future.cancelled() or isinstance(future.exception(), BrokenProcessPool)


def _carry_out(function: Callable[[K], V], key: K) -> V:
    """Do one key's work in a worker, and make sure that what is raised can travel to the parent."""
    try:
        return function(key)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
        except Exception:
            raise EvenhandError(f"{type(error).__name__}: {error}") from error
        raise


def _begin() -> None:
    """Prepare a worker before it loads any numeric library."""
    for name in ONE_THREAD:
        os.environ[name] = "1"
    # Ctrl-C reaches every process of the terminal; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """End this worker when its parent is gone; without this, a killed parent would leave its workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)
