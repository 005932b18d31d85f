"""What an engine is: a place where the same function is carried out for many keys. It knows nothing of its work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from evenhand.progress import Tick

K = TypeVar("K")
V = TypeVar("V")


class Engine(Protocol):
    """Carries out work somewhere; `check_engine` holds one to what it promises."""

    @property
    def jobs(self) -> int:
        """How many keys are worked on at once."""

    def map(self, function: Callable[[K], V], keys: Sequence[K], tick: Tick | None = None) -> list[V]:
        """Return ``function(key)`` for every key, in the order of the keys.

        When a key fails, the others are finished first. When a worker is lost, its work is done again.

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
            When workers were lost again and again over the first key that failed, or what it raised could not travel.
        """
