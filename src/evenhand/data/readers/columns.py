"""Which arrays are images, labels, groups and class names, told by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evenhand.data.readers.source import SPLIT_NAMES
from evenhand.errors import DataError

IMAGES = ("images", "image", "x", "data", "pixels", "imgs", "arr_0")
LABELS = ("labels", "label", "y", "targets", "target", "fine_labels", "arr_1")
GROUPS = ("groups", "group", "patient", "patient_id", "subject")
CLASSES = ("classes", "class_names", "label_names", "fine_label_names", "names")


@dataclass(frozen=True)
class Part:
    """One split: the names of its arrays as the file writes them, and the folder its paths begin with."""

    split: str
    folder: str
    images: str
    labels: str
    groups: str | None


def find_parts(names: Iterable[str], where: Path) -> tuple[tuple[Part, ...], str | None, tuple[str, ...]]:
    """Return the splits, the name of the class names (or None), and a note about arrays that are not used.

    ``train_images`` with ``train_labels`` and so on make splits, ``x_train`` with ``y_train`` too; ``images`` with
    ``labels`` (or ``x`` and ``y``, ``data`` and ``targets``) make one training split.

    Raises
    ------
    DataError
        When there are no images, or images without labels; it lists the names found.
    """
    known = {name.lower(): name for name in names}
    parts = []
    for word, split in (("", "train"), *SPLIT_NAMES.items()):
        images = _first(known, IMAGES, word)
        if images is None:
            continue
        labels = _first(known, LABELS, word)
        if labels is None:
            raise DataError(
                f"{where} has the images {images!r} without labels beside them. It holds: {_list(known.values())}."
            )
        parts.append(Part(split, word or "train", images, labels, _first(known, GROUPS, word)))
    if not parts:
        raise DataError(
            f"{where} has no images and labels under names that are known: images and labels, x and y, data and "
            f"targets, or the same with train_, val_ and test_ before them. It holds: {_list(known.values())}."
        )
    classes = _first(known, CLASSES, "")
    used = {classes, *(name for part in parts for name in (part.images, part.labels, part.groups))}
    unused = [name for name in known.values() if name not in used]
    return tuple(parts), classes, (f"Not used in {where.name}: {_list(unused)}.",) if unused else ()


def _first(known: dict[str, str], choices: tuple[str, ...], split: str) -> str | None:
    for choice in choices:
        for name in (f"{split}_{choice}", f"{choice}_{split}") if split else (choice,):
            if name in known:
                return known[name]
    return None


def _list(names: Iterable[str]) -> str:
    shown = sorted(names)
    return (", ".join(shown[:12]) + (" and more" if len(shown) > 12 else "")) or "nothing"
