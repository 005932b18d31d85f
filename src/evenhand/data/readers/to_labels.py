"""Labels as arrays and pickles spell them, to class names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.readers.source import text_of
from evenhand.errors import DataError


def label_names(
    columns: Sequence[Any], names: Sequence[str] | None, where: Path
) -> tuple[list[list[str]], tuple[str, ...]]:
    """Return the class names of each column of labels, and notes.

    Numbers without names become names that are padded with zeros, so that sorting by name is sorting by number.

    Parameters
    ----------
    columns : sequence
        Labels of each part of the data: (n,), (n, 1) or one-hot (n, K) arrays, or sequences of single labels.
    names : sequence of str, optional
        Class names by number.
    where : Path
        The file they come from, for messages.

    Raises
    ------
    DataError
        When labels are neither text nor whole numbers from 0 up, are mixed, empty, or have no name.
    """
    notes: list[str] = []
    flat = [_flat(column, where, notes) for column in columns]
    labels = [label for column in flat for label in column]
    if all(isinstance(label, str) for label in labels):
        if "" in labels:
            raise DataError(f"{where} has an empty label at image {labels.index('')} (counted from 0).")
        return flat, tuple(dict.fromkeys(notes))
    if any(isinstance(label, str) for label in labels):
        raise DataError(f"{where} has labels that are text and labels that are numbers. Use one kind.")
    largest = max(labels)
    if min(labels) < 0:
        raise DataError(f"{where} has the label {min(labels)}. Numbers of classes begin at 0.")
    if names is None:
        width = len(str(largest))
        return [[str(label).zfill(width) for label in column] for column in flat], tuple(dict.fromkeys(notes))
    if largest >= len(names):
        raise DataError(f"{where} has the label {largest} but only {len(names)} class names (counted from 0).")
    if len(set(names)) != len(names) or "" in names:
        raise DataError(f"{where} has class names that are empty or the same: {', '.join(names)}.")
    return [[names[label] for label in column] for column in flat], tuple(dict.fromkeys(notes))


def names_of(column: Any, where: Path) -> list[str]:
    """Return class names or groups as text; numbers are written out."""
    return [str(item) for item in _flat(column, where, [])]


def _flat(column: Any, where: Path, notes: list[str]) -> list[Any]:
    """Return the labels of one column as a list of int or of str."""
    if isinstance(column, np.ndarray):
        if column.ndim == 2 and column.shape[1] > 1:
            return _from_one_hot(column, where, notes)
        if column.ndim not in (1, 2):
            raise DataError(f"{where} has labels of the shape {column.shape}. It takes one label an image.")
        items = column.reshape(-1).tolist()
    elif not isinstance(column, (list, tuple)):
        raise DataError(f"{where} has a value of the type {type(column).__name__} where labels are expected.")
    else:
        items = [item.item() if isinstance(item, np.ndarray) and item.size == 1 else item for item in column]
    return [_one(item, where) for item in items]


def _one(item: Any, where: Path) -> int | str:
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, bytes):
        return _one(item.decode("utf-8", "surrogateescape"), where)
    if isinstance(item, str):
        return unicodedata.normalize("NFC", text_of(item))
    if isinstance(item, (bool, int)) or (isinstance(item, float) and item.is_integer()):
        return int(item)
    shown = repr(item)[:60] if isinstance(item, float) else type(item).__name__
    raise DataError(f"{where} has a label that is neither text nor a whole number: {shown}.")


def _from_one_hot(column: Any, where: Path, notes: list[str]) -> list[int]:
    if column.dtype.kind not in "biuf" or not (
        ((column == 0) | (column == 1)).all() and (column.sum(axis=1) == 1).all()
    ):
        raise DataError(
            f"{where} has {column.shape[1]} numbers for the label of each image, and they are not one 1 among zeros. "
            "Images with several labels are not read; it takes one label an image."
        )
    notes.append(f"Labels are rows of {column.shape[1]} numbers, one of them 1; its place is the class.")
    places: list[int] = column.argmax(axis=1).tolist()
    return places
