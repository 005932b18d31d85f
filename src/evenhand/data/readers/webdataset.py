"""WebDataset: members of an archive that share a key are one sample, an image beside a file that says its class."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from evenhand.data.readers.packed import Packed, is_picture, tree_of
from evenhand.data.readers.source import SPLIT_NAMES, Entry, Source, text_of
from evenhand.data.readers.table import COLUMNS
from evenhand.data.readers.to_labels import label_names
from evenhand.errors import DataError
from evenhand.records.audit import Finding

SIDECARS = ("cls", "json", "txt")
"""Endings of members that say the class of the images of their key, the first that is there wins."""
MOST_SIDECAR_BYTES = 2**20


@dataclass(frozen=True)
class _Said:
    """What a sample says of its images."""

    label: int | str
    split: str
    group: str | None


def read_samples(packed: Packed, data: Path) -> Source | None:
    """Return the images whose classes members of the same key say; None where the archive is no WebDataset.

    The key of ``a/0001.left.jpg`` is ``a/0001``. The class is what ``a/0001.cls`` says, or the label (or class,
    category, target) in ``a/0001.json``, where split and group may be said too, or ``a/0001.txt``. Texts count only
    where the images lie in no class folders: they may be captions. Images of one key share a group.

    Raises
    ------
    DataError
        When no member can be understood, or classes are numbers here and text there.
    """
    pictures: dict[str, list[str]] = {}
    sidecars: dict[str, dict[str, str]] = {}
    for name in packed.names:
        key, _, ending = _parted(name)
        if is_picture(name):
            pictures.setdefault(key, []).append(name)
        elif ending in SIDECARS:
            sidecars.setdefault(key, {})[ending] = name
    endings = _telling(packed, data, pictures, sidecars)
    if not endings:
        return None
    said, findings = _read(packed, pictures, sidecars, endings)
    if not said:
        raise DataError(
            f"{data} looks like a WebDataset, but no class can be read from it, for example {findings[0].path}: "
            f"{findings[0].detail}."
        )
    (names,), notes = label_names([[one.label for one in said.values()]], None, data)
    entries = [
        Entry(name, label, one.split, packed.locator(name), one.group or (key if len(pictures[key]) > 1 else None))
        for (key, one), label in zip(said.items(), names, strict=True)
        for name in pictures[key]
    ]
    told = f"Classes are what the members .{', .'.join(endings)} of {data.name} say."
    return Source(tuple(entries), tuple(findings), (told, *notes))


def _parted(name: str) -> tuple[str, str, str]:
    """Return the key of a member, and its ending as it is written and in small letters, without the first point."""
    folder, slash, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    return f"{folder}{slash}{stem}", ending, ending.lower()


def _telling(
    packed: Packed, data: Path, pictures: Mapping[str, list[str]], sidecars: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...]:
    """Return the endings of members that say classes; none where the archive is no WebDataset."""
    there = {ending for key in pictures for ending in sidecars.get(key, ())}
    found = tuple(ending for ending in ("cls", "json") if ending in there)
    if found == ("json",) and not _json_says(packed, pictures, sidecars):
        found = ()
    if found or "txt" not in there:
        return found
    try:
        in_folders = bool(tree_of(packed, data).entries)
    except DataError:
        in_folders = True
    return () if in_folders else ("txt",)


def _json_says(packed: Packed, pictures: Mapping[str, list[str]], sidecars: Mapping[str, Mapping[str, str]]) -> bool:
    """Return whether one of the first JSON members has a class: they may be about something else."""
    some = [sidecars[key]["json"] for key in pictures if "json" in sidecars.get(key, ())][:20]
    for name in some:
        try:
            _from_json(_text(packed, name))
        except ValueError:
            continue
        return True
    return False


def _read(
    packed: Packed,
    pictures: Mapping[str, list[str]],
    sidecars: Mapping[str, Mapping[str, str]],
    endings: tuple[str, ...],
) -> tuple[dict[str, _Said], list[Finding]]:
    """Return what each key says, and findings about images that nothing is said of."""
    said: dict[str, _Said] = {}
    findings = []
    for key, images in sorted(pictures.items()):
        name = next((sidecars[key][end] for end in endings if end in sidecars.get(key, ())), None)
        if name is None:
            detail = f"the archive has no {PurePosixPath(key).name}.{endings[0]} that says its class"
            findings += [Finding(image, "missing", detail) for image in images]
            continue
        try:
            text = _text(packed, name)
            said[key] = _from_json(text) if name.lower().endswith(".json") else _Said(_label(text), "train", None)
        except ValueError as error:
            detail = f"{name} does not say its class: {error}"
            findings += [Finding(image, "missing", text_of(detail)) for image in images]
    lonely = [name for key, found in sidecars.items() if key not in pictures for name in found.values()]
    findings += [Finding(name, "unsupported", "no image has its key") for name in sorted(lonely)]
    return said, findings


def _text(packed: Packed, name: str) -> str:
    """Return the text of a member; ValueError where it is none."""
    if packed.size(name) > MOST_SIDECAR_BYTES:
        raise ValueError(f"it has more than {MOST_SIDECAR_BYTES // 2**20} MB")
    with packed.open(name) as file:
        return file.read().decode("utf-8-sig").strip()


def _label(text: str) -> int | str:
    if not text or "\n" in text:
        raise ValueError("it is empty" if not text else "it has more than one line")
    return int(text) if text.isdecimal() and text.isascii() else unicodedata.normalize("NFC", text)


def _from_json(text: str) -> _Said:
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    found = found if isinstance(found, dict) else {}
    label = _cell(found, (*COLUMNS["label"], "cls"))
    if isinstance(label, bool) or not isinstance(label, int | str) or label == "":
        raise ValueError(
            f"it is no object with a label (or {', '.join(COLUMNS['label'][1:])}) that is text or a whole number"
        )
    split = str(_cell(found, COLUMNS["split"]) or "train").lower()
    if split not in SPLIT_NAMES:
        raise ValueError(f"there is no split {split[:40]!r}")
    group = _cell(found, COLUMNS["group"])
    return _Said(_label(str(label)), SPLIT_NAMES[split], None if group in (None, "") else str(group))


def _cell(found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((found[name] for name in names if name in found), None)
