"""The pictures of a report: each embedded once, as a tile of a few sheets that the page cuts them from."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from evenhand.records.values import Pixels

COLUMNS = 16
SHEET = COLUMNS * COLUMNS
"""Tiles of one sheet."""
MEASURED = 64
"""Pictures from which the size of all is judged."""
SIDES = (64, 96)
"""About how long the longer side of a small and of a large picture is on the page, in CSS pixels."""
TINY = 48
"""Originals up to this many pixels a side are enlarged with hard edges: blurring would hide what the network saw."""


@dataclass(frozen=True)
class Album:
    """Sheets of tiles, and the place of each manifest row among them."""

    place: dict[int, int]
    sheets: tuple[bytes, ...]
    """WebP files, each `COLUMNS` tiles wide."""
    tile: tuple[int, int]
    """Height and width of a tile, in pixels."""
    tiny: bool
    """Whether the originals are so small that they are shown with hard edges."""

    def picture(self, row: int, label: str | Markup, size: str = "") -> Markup:
        """Return the HTML of one picture; nothing when there was no room for it.

        Parameters
        ----------
        row : int
            Row of the manifest.
        label : str
            What a screen reader says.
        size : str
            "" for small, "large" for large.
        """
        if row not in self.place:
            return Markup("")
        sheet, x, y = _position(self.place[row])
        return Markup('<span class="pic s{} {}" role="img" aria-label="{}" style="--x:{};--y:{}"></span>').format(
            sheet, size, label, x, y
        )

    def style(self) -> Markup:
        """Return the CSS that holds the sheets."""
        height, width = self.tile
        small, large = (self._shown(side) for side in SIDES)
        head = f":root{{--columns:{COLUMNS};--aspect:{height / width:.5f};--small:{small}px;--large:{large}px}}"
        if self.tiny:
            head += ".pic{image-rendering:pixelated}"
        rules = (
            f".s{number}{{background-image:url(data:image/webp;base64,{base64.b64encode(sheet).decode()})}}"
            for number, sheet in enumerate(self.sheets)
        )
        return Markup(head + "".join(rules))  # noqa: S704 - made here of numbers and base64 alone

    def _shown(self, side: int) -> int:
        """Return the width at which a picture is shown, in CSS pixels; tiny ones grow by a whole factor."""
        height, width = self.tile
        longest = max(height, width)
        return width * max(1, round(side / longest)) if self.tiny else round(side * width / longest)


def _position(place: int) -> tuple[int, int, int]:
    sheet, within = divmod(place, SHEET)
    return sheet, within % COLUMNS, within // COLUMNS


def make_album(pixels: Pixels, rows: Iterable[int], side: int, quality: int | None) -> Album:
    """Return the album of some images.

    Parameters
    ----------
    pixels : (n, height, width, 3) uint8
        All images, memory-mapped or not; only those asked for are read.
    rows : iterable of int
        Which of them; repeated ones are kept once.
    side : int
        Longest side of a tile, in pixels; larger images are reduced to it.
    quality : int or None
        Of WebP, 0 to 100; None keeps every pixel as it is.
    """
    wanted = sorted(set(rows))
    tile = _tile(pixels.shape[1], pixels.shape[2], side)
    tiles = [_reduced(np.asarray(pixels[row]), tile) for row in wanted]
    sheets = tuple(
        _encoded(_arranged(tiles[first : first + SHEET], tile), quality) for first in range(0, len(tiles), SHEET)
    )
    return Album(
        place={row: number for number, row in enumerate(wanted)},
        sheets=sheets,
        tile=tile,
        tiny=max(pixels.shape[1:3]) <= TINY,
    )


def embedded_size(pixels: Pixels, rows: Collection[int], side: int, quality: int | None) -> int:
    """Return about how many bytes the pictures of `make_album` take in the page, judged from some of them."""
    if not rows:
        return 0
    wanted = sorted(rows)
    some = wanted[:: -(-len(wanted) // MEASURED)]
    album = make_album(pixels, some, side, quality)
    return round(sum(map(len, album.sheets)) * 4 / 3 * len(wanted) / len(some))


def _tile(height: int, width: int, side: int) -> tuple[int, int]:
    factor = min(1.0, side / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _reduced(image: Pixels, tile: tuple[int, int]) -> Pixels:
    if image.shape[:2] == tile:
        return image
    small: Pixels = np.asarray(Image.fromarray(image).resize((tile[1], tile[0]), Image.Resampling.LANCZOS))
    return small


def _arranged(tiles: list[Pixels], tile: tuple[int, int]) -> Pixels:
    height, width = tile
    sheet = np.zeros((-(-len(tiles) // COLUMNS) * height, COLUMNS * width, 3), dtype=np.uint8)
    for number, pixels in enumerate(tiles):
        _, x, y = _position(number)
        sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = pixels
    return sheet


def _encoded(sheet: Pixels, quality: int | None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(sheet)
    if quality is None:
        image.save(file, "WEBP", lossless=True, quality=70, method=4)
    else:
        image.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()
