"""Pickles and PyTorch files of images and labels, read by a loader that cannot run anything."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.data.readers.columns import IMAGES, find_parts
from evenhand.data.readers.pickled_values import resolved
from evenhand.data.readers.plain_pickle import load_plain
from evenhand.data.readers.source import SPLIT_NAMES, Source, text_of
from evenhand.data.readers.tensors import NAMES, is_older_torch, load_older_torch, load_torch
from evenhand.data.readers.to_labels import label_names, names_of
from evenhand.data.readers.to_pixels import Block, store_blocks
from evenhand.errors import DataError

_WANTED = (
    "It takes a list of (image, label) pairs, a dict with images and labels, a dict of such by split, or a dict from "
    "class name to images."
)


def read_pickle(data: Path, scratch: Path) -> Source:
    """Return the images of a pickle or PyTorch file; their pixels are written into `scratch`.

    Parameters
    ----------
    data : Path
        A list of (image, label) pairs, a pair of arrays, a dict with images and labels (names as in `find_parts`), any
        of these by split, or a dict from class name to images. Images as in `store_blocks`.
    scratch : Path
        Folder for the pixels; made when missing.

    Raises
    ------
    DataError
        When it is damaged, holds none of these, or asks for anything that could run; nothing in it was executed.
    """
    content = _load(data)
    try:
        parts, names, notes = _parts(content, data)
        flat, more = label_names([labels for _, _, _, labels, _ in parts], names, data)
        blocks = [
            Block(images, column, split, folder, groups)
            for (split, folder, images, _, groups), column in zip(parts, flat, strict=True)
        ]
        source = store_blocks(blocks, scratch, data)
    except (ValueError, TypeError) as error:
        raise DataError(f"{data} has arrays that make no sense: {error}. {_WANTED}") from error
    return Source(source.entries, source.findings, (*notes, *more, *source.notes))


def _load(data: Path) -> Any:
    try:
        with data.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return load_torch(data)
            if not file.seek(0, 2):
                raise DataError(f"{data} is empty.")
            # A map gives no more than there is, whatever length the file claims.
            with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as stream:
                if is_older_torch(stream):
                    return load_older_torch(stream, data)
                return load_plain(stream, data, NAMES)
    except OSError as error:
        raise DataError(f"{data} cannot be read: {error}.") from error


_Part = tuple[str, str, Any, Any, list[str] | None]
"""Split, folder, images, labels and groups."""


def _parts(content: Any, where: Path) -> tuple[list[_Part], list[str] | None, tuple[str, ...]]:
    """Return the parts of whatever kind of content it is, the class names, and notes."""
    content = resolved(content)
    if isinstance(content, dict):
        named = {_key(key, where): resolved(value) for key, value in content.items()}
        if named and all(name.lower() in SPLIT_NAMES for name in named):
            return _by_split(named, where)
        if all(map(_are_images, named.values())) and not _is_named(named, where):
            return _by_class(named, where), None, ()
        return _columns(named, where)
    if isinstance(content, (list, tuple)):
        return [_listed(content, "train", "train", where)], None, ()
    raise DataError(f"{where} holds {_kind(content)}. {_WANTED}")


def _are_images(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(image, np.ndarray) and image.ndim > 1 for image in map(resolved, value))
    return isinstance(value, np.ndarray) and value.ndim > 2


def _is_named(named: Mapping[str, Any], where: Path) -> bool:
    """Return whether keys say what is what; a class may be called x, but a single class is none."""
    try:
        find_parts(named, where)
    except DataError:
        return len(named) == 1 and next(iter(named)).lower() in IMAGES
    return True


def _columns(named: Mapping[str, Any], where: Path) -> tuple[list[_Part], list[str] | None, tuple[str, ...]]:
    found, classes, notes = find_parts(named, where)
    parts: list[_Part] = [
        (
            part.split,
            part.folder,
            _images(named[part.images], where),
            named[part.labels],
            names_of(named[part.groups], where) if part.groups else None,
        )
        for part in found
    ]
    return parts, names_of(named[classes], where) if classes else None, notes


def _by_split(named: Mapping[str, Any], where: Path) -> tuple[list[_Part], list[str] | None, tuple[str, ...]]:
    parts: list[_Part] = []
    names: list[str] | None = None
    notes: tuple[str, ...] = ()
    for folder, value in named.items():
        split = SPLIT_NAMES[folder.lower()]
        if isinstance(value, dict):
            inner, inner_names, inner_notes = _parts(value, where)
            if any(part[0] != "train" or part[1].split("/")[0] != "train" for part in inner):
                raise DataError(f"{where} has splits inside the split {folder!r}. {_WANTED}")
            if inner_names is not None and names not in (None, inner_names):
                raise DataError(f"{where} has different class names in its splits.")
            names, notes = inner_names or names, (*notes, *inner_notes)
            parts += [(split, folder + part[1].removeprefix("train"), *part[2:]) for part in inner]
        elif isinstance(value, (list, tuple)):
            parts.append(_listed(value, split, folder, where))
        else:
            raise DataError(f"{where} holds {_kind(value)} for the split {folder!r}. {_WANTED}")
    return parts, names, tuple(dict.fromkeys(notes))


def _by_class(named: Mapping[str, Any], where: Path) -> list[_Part]:
    return [
        ("train", f"train/{name}", _images(images, where), [name] * len(images), None)
        for name, images in named.items()
        if len(images)
    ]


def _listed(items: Any, split: str, folder: str, where: Path) -> _Part:
    """Return a list of (image, label) pairs, or one pair of arrays, as a part."""
    items = [resolved(item) for item in items]
    if len(items) == 2 and isinstance(items[0], np.ndarray) and items[0].ndim > 2:
        labels = items[1]
        if isinstance(labels, (list, tuple, np.ndarray)) and len(labels) == len(items[0]):
            return split, folder, items[0], labels, None
    pairs = []
    for place, item in enumerate(items):
        if not (isinstance(item, (list, tuple)) and len(item) == 2):
            raise DataError(f"{where} has {_kind(item)} at place {place} of its list. {_WANTED}")
        pairs.append((resolved(item[0]), resolved(item[1])))
    images = _images([image for image, _ in pairs], where)
    return split, folder, images, [label for _, label in pairs], None


def _images(images: Any, where: Path) -> Any:
    """Return one array or a list of arrays."""
    if isinstance(images, np.ndarray):
        if images.ndim < 2:
            raise DataError(f"{where} has images of the shape {images.shape}; it takes (n, height, width, ...).")
        return images
    if not isinstance(images, (list, tuple)):
        raise DataError(f"{where} has {_kind(images)} where images are expected. {_WANTED}")
    arrays = [resolved(image) for image in images]
    for place, image in enumerate(arrays):
        if not isinstance(image, np.ndarray):
            raise DataError(f"{where} has {_kind(image)} instead of an image at place {place}. {_WANTED}")
    return arrays


def _key(key: Any, where: Path) -> str:
    if isinstance(key, bytes):
        return text_of(key.decode("utf-8", "surrogateescape"))
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return text_of(str(key))
    raise DataError(f"{where} has the key {key!r} in its dict. {_WANTED}")


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of the shape {value.shape}"
    return f"a value of the type {type(value).__name__}"
