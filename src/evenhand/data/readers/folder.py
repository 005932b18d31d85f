"""Folders: one folder a class, with or without train/val/test above them. The tree logic serves archives too."""

from __future__ import annotations

import os
import unicodedata
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from evenhand.data.readers.source import SPLIT_NAMES, Entry, FileImage, Locator, Source, same_text, text_of
from evenhand.errors import DataError
from evenhand.records.audit import Finding

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm", ".pbm"}
)
_CLUTTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})
_MOST_NAMED = 8

Picture = tuple[PurePosixPath, Locator]


def read_folder(data: Path, scratch: Path) -> Source:
    """Return the images of a folder tree.

    Parameters
    ----------
    data : Path
        The folder. Links to folders are followed, each folder is read once.
    scratch : Path
        Not used; files are read where they lie.

    Raises
    ------
    DataError
        When it cannot be told which folders are splits and which are classes.
    """
    del scratch
    tree = _walk(data)
    source = arrange(((text_of(name), FileImage(data / name)) for name in tree.files), data, tree.folders)
    return Source(source.entries, (*tree.findings, *source.findings), source.notes)


def arrange(files: Iterable[tuple[str, Locator]], where: Path, folders: Sequence[str] = ()) -> Source:
    """Return entries and findings for a tree given as relative names with ``/``.

    The first folder of a name is the class, or a split when all top folders that hold images are named like splits;
    then the second is the class. Deeper folders belong to the class above them. Hidden files and folders (and the
    clutter of operating systems) are findings, never a class; so are files of other kinds, unless they lie beside the
    class folders, as a table or a text about the data does.

    Parameters
    ----------
    files : iterable of (str, Locator)
        Name and place of every file.
    where : Path
        The folder or archive, for messages.
    folders : sequence of str
        Names of all folders; a note names the class folders without images.

    Raises
    ------
    DataError
        When folders of splits lie beside others.
    """
    pictures, others, findings = _sorted_out(files)
    split_tree = _has_splits(pictures, where)
    needed = 3 if split_tree else 2
    entries = []
    for path, locator in pictures:
        if len(path.parts) < needed:
            findings.append(Finding(str(path), "misplaced", "lies beside the class folders, not in one"))
            continue
        split = SPLIT_NAMES[path.parts[0].lower()] if split_tree else "train"
        entries.append(Entry(str(path), unicodedata.normalize("NFC", path.parts[needed - 2]), split, locator))
    beside = [name for name in others if entries and name.count("/") < needed - 1]
    findings += [
        Finding(name, "unsupported", f"{PurePosixPath(name).suffix or 'no ending'} is no image format that is read")
        for name in others
        if name not in beside
    ]
    filled = {"/".join(PurePosixPath(entry.path).parts[: needed - 1]) for entry in entries}
    empty = [
        text_of(name)
        for name in folders
        if name.count("/") == needed - 2 and text_of(name) not in filled and not any(map(is_hidden, name.split("/")))
    ]
    notes = []
    if beside:
        notes.append(f"Files beside the class folders are left alone: {_listed(beside)}.")
    if empty:
        notes.append(f"No images lie in {_listed(empty)}; {'it is' if len(empty) == 1 else 'they are'} no class.")
    return Source(tuple(entries), tuple(findings), tuple(notes))


def is_hidden(part: str) -> bool:
    """Return whether a file or folder of this name is no part of the data."""
    return part.startswith(".") or part.lower() in _CLUTTER


def _sorted_out(files: Iterable[tuple[str, Locator]]) -> tuple[list[Picture], list[str], list[Finding]]:
    """Return what is named like an image, what is not, and findings about what is hidden or named like another."""
    pictures: list[Picture] = []
    others: list[str] = []
    findings: list[Finding] = []
    taken: dict[str, str] = {}
    veiled: set[str] = set()
    for name, locator in sorted(files, key=lambda item: item[0]):
        path = PurePosixPath(name)
        veil = next((place for place, part in enumerate(path.parts) if is_hidden(part)), None)
        if veil is not None:
            veiled.add("/".join(path.parts[: veil + 1]))
        elif path.suffix.lower() not in SUFFIXES:
            others.append(name)
        elif taken.setdefault(same_text(name), name) != name:
            detail = f"many systems take its name for that of {taken[same_text(name)]}, which was read; rename it"
            findings.append(Finding(name, "duplicate_name", detail))
        else:
            pictures.append((path, locator))
    findings += [Finding(name, "hidden", "hidden, left alone") for name in sorted(veiled)]
    return pictures, others, findings


def _has_splits(pictures: Sequence[Picture], where: Path) -> bool:
    """Return whether the top folders are splits."""
    depths: dict[str, set[int]] = {}
    for path, _ in pictures:
        if len(path.parts) > 1:
            depths.setdefault(path.parts[0], set()).add(len(path.parts))
    splits = sorted(top for top in depths if top.lower() in SPLIT_NAMES)
    others = sorted(depths.keys() - set(splits))
    # A class may be named like a split (trains among vehicles); then its images lie in it, not one folder deeper.
    if others and splits and all(2 not in depths[top] for top in splits):
        raise DataError(
            f"{where} has folders named like splits ({', '.join(splits)}) beside others ({_listed(others)}), so that "
            "splits and classes cannot be told apart. Give a folder that holds either only splits or only classes."
        )
    return bool(splits) and not others


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


@dataclass
class _Tree:
    """What lies below a folder: relative names as the system gives them, and what could not be opened."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def _walk(root: Path) -> _Tree:
    """Return everything below a folder; real folders come before links, so that a link never hides the real one."""
    tree = _Tree()
    folders, links = deque([""]), deque[str]()
    seen: dict[tuple[int, int], str] = {}
    while folders or links:
        name = folders.popleft() if folders else links.popleft()
        try:
            status = (root / name).stat()
            first = seen.setdefault((status.st_dev, status.st_ino), name)
            if first != name:
                detail = f"a link to {text_of(first) or 'the folder itself'}, which is read already"
                tree.findings.append(Finding(text_of(name), "duplicate_name", detail))
                continue
            with os.scandir(root / name) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError as error:
            detail = f"the folder cannot be opened: {error.strerror}"
            tree.findings.append(Finding(text_of(name) or ".", "unreadable", detail))
            continue
        if name:
            tree.folders.append(name)
        for item in items:
            below = f"{name}/{item.name}" if name else item.name
            if not _is_folder(item):
                tree.files.append(below)
            elif is_hidden(item.name):
                tree.findings.append(Finding(text_of(below), "hidden", "hidden, left alone"))
            else:
                (links if item.is_symlink() else folders).append(below)
    return tree


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link that leads nowhere, or to itself
        return False
