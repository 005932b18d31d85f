"""What attacks left in ``RUN/robustness/``, read back: figures, and pictures cut from the files and made small."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from evenhand.attacks.robustness import FOLDER, RESULT, read_result
from evenhand.disk import read_table
from evenhand.errors import EvenhandError

GAP = 8
"""Columns of white between the three pictures of a file of examples."""
SIDE = 96
"""Longest side of a picture as it is kept in the page, in pixels."""
LOSSLESS = 48
"""Pictures up to this many pixels a side are kept as they are: noise of one grey value must not be smoothed away."""
MOST_SHOWN = 12
"""Examples of one attack on the page."""


@dataclass(frozen=True)
class Example:
    """One attack in pictures: the facts of ``examples.csv``, and image, magnified noise and adversarial image."""

    facts: dict[str, str]
    pictures: tuple[str, str, str]
    """Data addresses of WebP files."""
    tiny: bool
    """Whether the originals are so small that they are shown with hard edges."""


@dataclass(frozen=True)
class Attacked:
    """The results of one attack."""

    name: str
    """Of its folder."""
    told: dict[str, Any]
    examples: tuple[Example, ...] = ()

    @property
    def corruptions(self) -> bool:
        """Whether these are corruptions, not an attack."""
        return "corruptions" in self.told


def read_attacks(run: Path, model: str | None = None) -> tuple[Attacked, ...]:
    """Return all finished attacks in a run folder, by the names of their folders.

    Parameters
    ----------
    run : Path
    model : str, optional
        What stands for a model's files, see `model_fingerprint`: only attacks on that model are returned.

    Raises
    ------
    EvenhandError
        When a result is damaged.
    """
    found = []
    for place in sorted((run / FOLDER).glob(f"*/{RESULT}")):
        told = read_result(place)
        if model is None or told.get("model") == model:
            found.append(Attacked(place.parent.name, told, _examples(place.parent / "examples")))
    return tuple(found)


def _examples(folder: Path) -> tuple[Example, ...]:
    table = folder / "examples.csv"
    if not table.is_file():
        return ()
    return tuple(_example(folder, facts) for facts in read_table(table)[:MOST_SHOWN])


def _example(folder: Path, facts: dict[str, str]) -> Example:
    number = facts["example"]
    try:
        with Image.open(folder / f"{number}.png") as strip, Image.open(folder / f"{number}-adversarial.png") as final:
            strip.load()
            size = final.size
    except (OSError, ValueError) as error:
        raise EvenhandError(
            f"The pictures in {folder} are damaged ({error}). Delete {folder.parent} and run again."
        ) from error
    width = (strip.width - 2 * GAP) // 3
    lefts = (0, width + GAP, 2 * (width + GAP))
    tiles = [strip.crop((left, 0, left + width, strip.height)) for left in lefts]
    first, second, third = (_address(tile, size) for tile in tiles)
    return Example(facts, (first, second, third), max(size) <= LOSSLESS)


def _address(tile: Image.Image, size: tuple[int, int]) -> str:
    """Return a picture that was enlarged by whole factors in its own size, or smaller, as a data address."""
    tiny = max(size) <= LOSSLESS
    small = tile.convert("RGB").resize(size, Image.Resampling.NEAREST)
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", lossless=tiny, quality=100 if tiny else 84, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def picture(address: str, label: str | Markup, *, tiny: bool) -> Markup:
    """Return the HTML of one picture."""
    return Markup('<img class="adv{}" src="{}" alt="{}">').format(" tiny" if tiny else "", address, label)
