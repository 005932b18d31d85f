"""The local engine: long-lived worker processes on this machine, one thread each. It knows nothing of its work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from types import TracebackType
from typing import TypeVar

from evenhand.errors import EvenhandError
from evenhand.progress import Tick

K = TypeVar("K")
V = TypeVar("V")

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ATTEMPTS = 2
"""Times a key is given out before the death of a worker is taken for the key's fault."""


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

        A worker that dies is replaced, and what was in work is tried once more. When a key fails, the others are
        finished first.

        Parameters
        ----------
        function : callable
            A module-level function; it travels by name.
        keys : sequence
            Small values that can be pickled.
        tick : callable, optional
            Told 1 whenever a key is done.

        Raises
        ------
        Exception
            What the function raised for the first key that failed.
        EvenhandError
            When workers died over a key every time.
        """
        waiting = deque(range(len(keys)))
        attempts = [0] * len(keys)
        running: dict[Future[V], int] = {}
        done: dict[int, V] = {}
        failed: dict[int, BaseException] = {}
        while waiting or running:
            # No more keys are handed out than there are workers: when one dies, few are in doubt.
            while waiting and len(running) < self.jobs:
                number = waiting.popleft()
                attempts[number] += 1
                running[self._submit(function, keys[number])] = number
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    self._close(at_once=True)
                    if attempts[number] < ATTEMPTS:
                        waiting.append(number)
                        continue
                    error = EvenhandError(
                        f"A worker process died {ATTEMPTS} times at the same work; the machine may be short of memory. "
                        f"Try fewer workers with --jobs. The work was: {keys[number]!r}"
                    )
                if error is None:
                    done[number] = future.result()
                else:
                    failed[number] = error
                if tick:
                    tick(1)
        if failed:
            raise failed[min(failed)]
        return [done[number] for number in range(len(keys))]

    def _submit(self, function: Callable[[K], V], key: K) -> Future[V]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_begin)
        try:
            return self._pool.submit(function, key)
        except BrokenProcessPool as error:
            broken: Future[V] = Future()
            broken.set_exception(error)
            return broken

    def _close(self, *, at_once: bool) -> None:
        if self._pool is None:
            return
        if at_once:
            for worker in multiprocessing.active_children():
                worker.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


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
