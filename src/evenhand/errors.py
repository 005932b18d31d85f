"""The errors people see: each says what is wrong, where, and what to do, and carries the exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_LISTED = 40


class EvenhandError(Exception):
    """A failure at run time that the user can act on (exit code 1)."""

    exit_code = 1


class UsageError(EvenhandError):
    """The command's words are off: an unknown name, a setting out of range (exit code 2)."""

    exit_code = 2


class DataError(EvenhandError):
    """The data cannot be used as it is (exit code 3)."""

    exit_code = 3


class ModelFileError(EvenhandError):
    """A model folder or weights file cannot be used (exit code 4)."""

    exit_code = 4


class ExportError(EvenhandError):
    """An exported model does not agree with the product (exit code 5)."""

    exit_code = 5


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return a sentence naming the nearest right choice, or else listing all of them, unless they are very many.

    Parameters
    ----------
    name : str
        What the user wrote.
    choices : iterable of str
        The names that would have been right.
    """
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]!r}?"
    if len(known) > MOST_LISTED:
        return f"There are {len(known)} others, none of a similar name."
    return f"Known: {', '.join(known)}."
