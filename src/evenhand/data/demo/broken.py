"""Files that claim to be pictures and are not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from evenhand.data.demo.scene import encoded, picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _truncated() -> bytes:
    """Return a picture whose copying was cut off half-way."""
    whole = encoded(picture("Cars", 0, 9, 0))
    return whole[: len(whole) // 2]


def _text() -> bytes:
    """Return what a download often leaves when the picture is gone."""
    return b"<html><body><h1>404 Not Found</h1></body></html>\n"


def _drawing() -> bytes:
    """Return a drawing in a format that holds no pixels."""
    return (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32">'
        b'<rect x="4" y="12" width="24" height="12" fill="#b33"/><circle cx="10" cy="25" r="4"/></svg>\n'
    )


def _oversized() -> bytes:
    """Return a small file that says it holds 60,000 x 60,000 pixels: decoding it would take 10 GB."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(1000))) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


BROKEN: dict[str, tuple[str, Callable[[], bytes]]] = {
    "train/Cars/car_cut_off.png": ("truncated", _truncated),
    "train/Cars/car_empty.png": ("empty", bytes),
    "train/Cats/cat_not_found.png": ("unreadable", _text),
    "train/Trucks/truck_drawing.svg": ("unsupported", _drawing),
    "test/Cars/car_huge.png": ("oversized", _oversized),
}
"""Path in the demo set -> what is wrong with the file, and its bytes."""
