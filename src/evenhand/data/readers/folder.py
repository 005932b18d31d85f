"""Folders: one folder a class, with or without train/val/test above them. The tree logic serves archives too."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from evenhand.data.readers.source import SPLIT_NAMES, Entry, FileImage, Locator, Source
from evenhand.records import Finding

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm", ".pbm"}
)
_CLUTTER = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})


def read_folder(data: Path, scratch: Path) -> Source:
    """Return the images of a folder tree.

    Parameters
    ----------
    data : Path
        The folder.
    scratch : Path
        Not used; files are read where they lie.
    """
    del scratch
    return arrange((name, FileImage(data / name)) for name in _walk(data))


def arrange(files: Iterable[tuple[str, Locator]]) -> Source:
    """Return entries and findings for a tree given as relative names with ``/``.

    The first folder of a name is the class, or a split when all top folders that hold images are named like splits;
    then the second is the class. Deeper folders belong to the class above them. Hidden files and folders (and the
    clutter of operating systems) are findings, never a class.

    Parameters
    ----------
    files : iterable of (str, Locator)
        Name and place of every file.
    """
    entries: list[Entry] = []
    findings: list[Finding] = []
    pictures: list[tuple[PurePosixPath, Locator]] = []
    hidden: dict[str, int] = defaultdict(int)
    for name, locator in sorted(files, key=lambda item: item[0]):
        path = PurePosixPath(name)
        veil = next((place for place, part in enumerate(path.parts) if is_hidden(part)), None)
        if veil is not None:
            hidden["/".join(path.parts[: veil + 1])] += 1
        elif path.suffix.lower() not in SUFFIXES:
            detail = f"{path.suffix or 'no ending'} is no image format that is read"
            findings.append(Finding(name, "unsupported", detail))
        else:
            pictures.append((path, locator))
    findings += [Finding(name, "hidden", f"hidden, {count} file(s) left alone") for name, count in hidden.items()]
    tops = {path.parts[0] for path, _ in pictures if len(path.parts) > 1}
    split_tree = bool(tops) and all(top.lower() in SPLIT_NAMES for top in tops)
    for path, locator in pictures:
        needed = 3 if split_tree else 2
        if len(path.parts) < needed:
            findings.append(Finding(str(path), "misplaced", "lies beside the class folders, not in one"))
            continue
        split = SPLIT_NAMES[path.parts[0].lower()] if split_tree else "train"
        entries.append(Entry(str(path), path.parts[needed - 2], split, locator))
    return Source(tuple(entries), tuple(findings))


def is_hidden(part: str) -> bool:
    """Return whether a file or folder of this name is no part of the data."""
    return part.startswith(".") or part.lower() in _CLUTTER


def _walk(folder: Path) -> Iterator[str]:
    """Yield the relative names of all files below a folder; links to folders are followed once."""
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        relative = Path(place).relative_to(folder)
        for name in files:
            yield (relative / name).as_posix()
