"""Pixels: image bytes to RGB arrays, and all images of a source into one memory-mapped array, decoded once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from evenhand.data.locations import FORMATS, UndecodableError, read_bytes, row_of
from evenhand.data.npy import keep_rows, reserve
from evenhand.data.readers.source import ArrayImage, Locator
from evenhand.disk import unwritable
from evenhand.engines.local import LocalEngine
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Pixels

MOST_PIXELS = 64_000_000
"""Pixels of one image above which it is taken for a decompression bomb."""
LARGEST_SIDE = 224
SMALLEST_SIDE = 16
CHUNK = 256
_BEGINNINGS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"RIFF": "WEBP",
}
_PHOTOMETRIC = 262
_ROWS = 256
_SERIAL = 512
"""Fewer images than this are decoded in this process: starting workers would take longer."""


@dataclass(frozen=True)
class Decoded:
    """What decoding one image told: hashes of file and pixels and its own size, or why there are none."""

    file_sha256: str = ""
    pixel_sha256: str = ""
    kind: str = ""
    detail: str = ""
    height: int = 0
    """In pixels, upright, before all images are brought to one size."""
    width: int = 0


def decode(data: bytes) -> Pixels:
    """Return the (h, w, 3) uint8 RGB pixels of an image file.

    EXIF rotation is applied; transparency is laid over white; 16-bit grey is scaled by 1/257; of an animation the
    first frame is taken.

    Raises
    ------
    UndecodableError
        When the bytes are empty, truncated, too large, of a format that is not read, or no image.
    """
    if not data:
        raise UndecodableError("empty", "the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _refuse_bomb(image.size)
                image.load()
                return _to_rgb(image)
        except UndecodableError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise UndecodableError("oversized", f"more than {MOST_PIXELS:,} pixels: {error}") from error
        except UnidentifiedImageError as error:
            raise _unidentified(data) from error
        except Exception as error:  # Pillow's plugins raise whatever they like on damaged files
            kind = "truncated" if "truncat" in str(error).lower() or _is_cut_off(data) else "unreadable"
            raise UndecodableError(kind, f"the image is damaged: {error}") from error


def _unidentified(data: bytes) -> UndecodableError:
    """Return what is wrong with bytes that Pillow does not know."""
    name = next((name for start, name in _BEGINNINGS.items() if data.startswith(start)), None)
    if name is None:
        return UndecodableError("unreadable", "not an image of a format that is read, whatever its name says")
    if _is_cut_off(data):
        return UndecodableError("truncated", f"begins as {name} does, but the rest is missing")
    return UndecodableError("unreadable", f"begins as {name} does, but is damaged or cut off")


def _is_cut_off(data: bytes) -> bool:
    """Return whether a format that says where its parts lie says that there must be more."""
    if data.startswith(b"RIFF"):
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if data.startswith((b"II*\0", b"MM\0*")):
        return len(data) <= int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big")
    return False


def _refuse_bomb(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise UndecodableError("oversized", f"{size[0]}x{size[1]} pixels; at most {MOST_PIXELS:,} are read")


def _to_rgb(opened: Image.Image) -> Pixels:
    image = _upright(opened)
    if image.mode.startswith("I"):
        return _from_wide(image, opened)
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return over_white(np.asarray(image.convert("RGBA")))
    if image.mode == "F":
        raise UndecodableError("unsupported", "pixels are floating-point numbers without a stated range")
    return np.array(image.convert("RGB"))


def _upright(image: Image.Image) -> Image.Image:
    """Return the image turned as its EXIF data say; damaged EXIF data are no reason to lose it."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the parser of EXIF data raises whatever it likes
        return image


def _from_wide(image: Image.Image, opened: Image.Image) -> Pixels:
    """Return the pixels of a grey image of more than 8 bits."""
    wide = np.asarray(image).astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise UndecodableError("unsupported", "pixels are whole numbers outside of 0..65535, without a stated range")
    if isinstance(opened, TiffImageFile) and opened.tag_v2.get(_PHOTOMETRIC) == 0:
        wide = 65535 - wide  # Pillow turns light and dark for 8 bits only
    if isinstance(image.info.get("transparency"), int):
        wide[wide == image.info["transparency"]] = 65535
    grey = ((wide + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def over_white(rgba: Pixels) -> Pixels:
    """Return the (h, w, 3) pixels of an (h, w, 4) image laid over white."""
    result = np.array(rgba[:, :, :3])
    # Row by row of blocks: the numbers in between take four times the place.
    for first in range(0, len(result), _ROWS):
        rows = slice(first, first + _ROWS)
        alpha = rgba[rows, :, 3:].astype(np.uint16)
        if alpha.size and alpha.min() < 255:
            result[rows] = (result[rows] * alpha + 255 * (255 - alpha) + 127) // 255
    return result


def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the image at `size` (height, width), averaged when made smaller; all of it is kept, its aspect is not."""
    if pixels.shape[:2] == size:
        return pixels
    resized: Pixels = np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    return resized


def choose_size(sizes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], str]:
    """Return the size that all images are brought to, and a sentence that says why.

    Images of one size keep it, unless a side is above 224 pixels. Otherwise a square: the median of the shorter
    sides, rounded to a multiple of 8, between 16 and 224.
    """
    different = sorted(set(sizes))
    if len(different) == 1:
        height, width = different[0]
        if max(height, width) <= LARGEST_SIDE:
            return (height, width), f"All images have {height}x{width} pixels (height x width)."
        factor = LARGEST_SIDE / max(height, width)
        size = (max(1, round(height * factor)), max(1, round(width * factor)))
        return size, f"All images have {height}x{width} pixels; they are brought to {size[0]}x{size[1]} (see --size)."
    middle = float(np.median([min(size) for size in sizes]))
    side = int(np.clip(round(middle / 8) * 8, SMALLEST_SIDE, LARGEST_SIDE))
    return (side, side), (
        f"Images have {len(different)} different sizes; all are brought to {side}x{side} pixels, the median of their "
        "shorter sides rounded to a multiple of 8 (see --size). The whole picture is kept, its aspect is not."
    )


@dataclass(frozen=True)
class _Chunk:
    target: Path
    first: int
    locators: tuple[Locator, ...]


def decode_all(
    locators: Sequence[Locator], target: Path, size: tuple[int, int], *, jobs: int = 1, progress: Progress = SILENT
) -> list[Decoded]:
    """Decode every image into the rows of the ``.npy`` file `target`; rows of images that fail are left out at the end.

    The file appears under its name only when it is complete; its place on the disk is taken before the work begins.

    Parameters
    ----------
    locators : sequence of Locator
        Where the images lie.
    target : Path
        The file to make: (m, height, width, 3) uint8, m images that could be decoded, in order.
    size : tuple of int
        Height and width.
    jobs : int
        Worker processes.
    progress : Progress
        Told how far the work is.

    Returns
    -------
    list of Decoded
        One for each locator, in order.

    Raises
    ------
    EvenhandError
        When the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    chunks = [
        _Chunk(temporary, first, tuple(locators[first : first + CHUNK])) for first in range(0, len(locators), CHUNK)
    ]
    try:
        reserve(temporary, len(locators), size)
        with progress.stage("Decoding images", len(chunks)) as tick:
            if jobs == 1 or len(locators) < _SERIAL:
                parts = []
                for chunk in chunks:
                    parts.append(_decode_chunk(chunk))
                    tick(1)
            else:
                with LocalEngine(jobs) as engine:
                    parts = engine.map(_decode_chunk, chunks, tick)
        decoded = [result for part in parts for result in part]
        keep_rows(temporary, np.array([not result.kind for result in decoded]))
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return decoded


def _decode_chunk(chunk: _Chunk) -> list[Decoded]:
    """Decode some images into their rows of the shared file. Runs in a worker process."""
    array = np.lib.format.open_memmap(chunk.target, mode="r+")
    size = (array.shape[1], array.shape[2])
    results = []
    for row, locator in enumerate(chunk.locators, chunk.first):
        try:
            pixels, file_hash = _load(locator)
        except UndecodableError as error:
            results.append(Decoded(kind=error.kind, detail=error.detail))
            continue
        array[row] = resize(pixels, size)
        height, width = pixels.shape[:2]
        content = hashlib.sha256(f"{height}x{width}:".encode() + pixels.tobytes()).hexdigest()
        results.append(Decoded(file_hash, content, height=height, width=width))
    return results


def _load(locator: Locator) -> tuple[Pixels, str]:
    if isinstance(locator, ArrayImage):
        row = row_of(locator)
        return row, hashlib.sha256(row.tobytes()).hexdigest()
    data = read_bytes(locator)
    return decode(data), hashlib.sha256(data).hexdigest()
