"""Answers as people and programs read them: CSV, JSON lines, or one JSON object, written while they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from evenhand.records.values import SCHEMA_VERSION, Floats

FORMATS = ("csv", "jsonl")


@dataclass(frozen=True)
class Answer:
    """What the model says of one picture.

    `called` is the class, "" where there is none: the picture could not be read (`error` says why), or the answer was
    not sure enough (`rejected`).
    """

    path: str
    called: str = ""
    probabilities: Floats | None = None
    rejected: bool = False
    explanation: str = ""
    error: str = ""
    expected_cost: float | None = None
    """Of calling it that; None where no costs are stated, and where there is no answer."""


class Writer(Protocol):
    """Writes answers one after the other."""

    def begin(self) -> None:
        """Write what comes before the first answer."""

    def write(self, answer: Answer) -> None:
        """Write one answer."""

    def end(self, summary: dict[str, Any]) -> None:
        """Write what comes after the last answer."""


class CsvWriter:
    """CSV with a header: path, class, probability, rejected, explanation, error, and a column a class (``p_NAME``).

    Where answers have a cost, `costed`, the last column is expected_cost.
    """

    def __init__(self, stream: TextIO, classes: Sequence[str], *, costed: bool = False) -> None:
        self._stream, self._classes, self._costed = stream, classes, costed
        self._plain = csv.writer(stream, lineterminator="\n")
        self._quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def begin(self) -> None:
        """Write the header."""
        columns = ["path", "class", "probability", "rejected", "explanation", "error"]
        self._row([*columns, *(f"p_{name}" for name in self._classes), *(["expected_cost"] if self._costed else [])])

    def write(self, answer: Answer) -> None:
        """Write one row; a picture without an answer has empty cells."""
        values = [""] * len(self._classes)
        largest = ""
        if answer.probabilities is not None:
            numbers = answer.probabilities.tolist()
            values, largest = [f"{value:.6f}" for value in numbers], f"{max(numbers):.6f}"
        rejected = "true" if answer.rejected else "false"
        if self._costed:
            values.append("" if answer.expected_cost is None else f"{answer.expected_cost:.6g}")
        self._row([answer.path, answer.called, largest, rejected, answer.explanation, answer.error, *values])

    def end(self, summary: dict[str, Any]) -> None:
        """Write nothing: a table ends with its last row."""
        del summary

    def _row(self, cells: list[str]) -> None:
        # The csv module leaves a carriage return bare, and readers take it for the end of a line.
        (self._quoted if any("\r" in cell for cell in cells) else self._plain).writerow(cells)


class LineWriter:
    """One JSON object a line, with the same names as in CSV and `probabilities` by class."""

    def __init__(self, stream: TextIO, classes: Sequence[str]) -> None:
        self._stream, self._classes, self._escaped = stream, classes, _needs_escapes(stream)

    def begin(self) -> None:
        """Write nothing."""

    def write(self, answer: Answer) -> None:
        """Write one line."""
        self._stream.write(as_json(answer, self._classes, escaped=self._escaped) + "\n")

    def end(self, summary: dict[str, Any]) -> None:
        """Write nothing."""
        del summary


class ObjectWriter:
    """The command's one JSON object, on one line; the answers are its list `predictions`, written as they come."""

    def __init__(self, stream: TextIO, classes: Sequence[str], head: dict[str, Any]) -> None:
        self._stream, self._classes, self._head, self._first = stream, classes, head, True
        self._escaped = _needs_escapes(stream)

    def begin(self) -> None:
        """Write the head, and open the list."""
        head = {"schema_version": SCHEMA_VERSION, "command": "predict", "classes": list(self._classes)} | self._head
        self._stream.write(json.dumps(head, ensure_ascii=self._escaped)[:-1] + ', "predictions": [')

    def write(self, answer: Answer) -> None:
        """Write one element of the list."""
        self._stream.write(("" if self._first else ", ") + as_json(answer, self._classes, escaped=self._escaped))
        self._first = False

    def end(self, summary: dict[str, Any]) -> None:
        """Close the list, and write the rest."""
        self._stream.write("], " + json.dumps(summary, ensure_ascii=self._escaped)[1:] + "\n")


def as_json(answer: Answer, classes: Sequence[str], *, escaped: bool = False) -> str:
    """Return an answer as JSON, in ASCII alone if need be; numbers have six places, what is not there is null."""
    numbers = None if answer.probabilities is None else [round(value, 6) for value in answer.probabilities.tolist()]
    return json.dumps(
        {
            "path": answer.path,
            "class": answer.called or None,
            "probability": None if numbers is None else max(numbers),
            "rejected": answer.rejected,
            "explanation": answer.explanation or None,
            "error": answer.error or None,
            "probabilities": None if numbers is None else dict(zip(classes, numbers, strict=True)),
            **({} if answer.expected_cost is None else {"expected_cost": float(f"{answer.expected_cost:.6g}")}),
        },
        ensure_ascii=escaped,
    )


def _needs_escapes(stream: TextIO) -> bool:
    """Return whether a stream can hold only some letters: JSON escapes the others."""
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") != "utf8"


def writer_for(kind: str, stream: TextIO, classes: Sequence[str], *, costed: bool = False) -> Writer:
    """Return the writer of a format of `FORMATS`; `costed` says whether answers have a cost."""
    return CsvWriter(stream, classes, costed=costed) if kind == "csv" else LineWriter(stream, classes)
