"""Work without end: results in order as they come, however many keys there are, with few of them in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from typing import TypeVar

from evenhand.engines.local import LocalEngine, _died

K = TypeVar("K")
V = TypeVar("V")


class StreamingEngine(LocalEngine):
    """A `LocalEngine` that also takes keys one after the other and yields results in their order."""

    def stream(self, function: Callable[[K], V], keys: Iterable[K], *, ahead: int) -> Iterator[V]:
        """Yield ``function(key)`` for every key, in the order of the keys.

        A key is taken only when fewer than `ahead` results are waiting or in work: nothing grows with the number of
        keys, and what a key stands for may be used again once `ahead` results more have been asked for. A worker that
        dies is replaced; the key that it had in hand is tried once more, alone.

        Parameters
        ----------
        function : callable
            A module-level function; it travels by name.
        keys : iterable
            Small values that can be pickled.
        ahead : int
            At least 1; with one for each worker and one more, no worker waits for a slow neighbour for long.

        Raises
        ------
        Exception
            What the function raised, when its turn comes.
        EvenhandError
            When a worker died twice over one key.
        """
        pending: deque[tuple[K, Future[V]]] = deque()
        source = iter(keys)
        more = True
        while pending or more:
            while more and len(pending) < ahead:
                try:
                    key = next(source)
                except StopIteration:
                    more = False
                    break
                pending.append((key, self._submit(function, key)))
            if pending:
                yield self._first(function, pending)

    def _first(self, function: Callable[[K], V], pending: deque[tuple[K, Future[V]]]) -> V:
        """Return the result of the first pending key and take it away."""
        key, future = pending.popleft()
        wait([future])
        if not _died(future):
            return future.result()
        # The pool is broken, and with it everything that was in work.
        self._close(at_once=True)
        waiting = [later for later, _ in pending]
        kept = [_finished(later) for _, later in pending]
        pending.clear()
        result = self._once_more(function, key).result()
        pending.extend(
            (later, done if done is not None else self._submit(function, later))
            for later, done in zip(waiting, kept, strict=True)
        )
        return result


def _finished(future: Future[V]) -> Future[V] | None:
    """Return a future that had its outcome before the pool broke; None of others."""
    wait([future])
    return None if _died(future) else future
