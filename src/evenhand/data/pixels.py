"""Pixels: image bytes to RGB arrays, and all images of a source into one memory-mapped array, decoded once."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from evenhand.data.readers.source import ArrayImage, FileImage, Locator
from evenhand.engines.local import LocalEngine
from evenhand.progress import SILENT, Progress
from evenhand.records import Pixels

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 64_000_000
"""Pixels of one image above which it is taken for a decompression bomb."""
MOST_BYTES = 256 * 2**20
LARGEST_SIDE = 224
SMALLEST_SIDE = 16
CHUNK = 256
_SERIAL = 512
"""Fewer images than this are decoded in this process: starting workers would take longer."""


class UndecodableError(Exception):
    """An image that cannot be taken; `kind` is that of a `Finding`."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail


@dataclass(frozen=True)
class Decoded:
    """What decoding one image told: hashes of file and pixels, or why there are none."""

    file_sha256: str = ""
    pixel_sha256: str = ""
    kind: str = ""
    detail: str = ""


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
            raise UndecodableError(
                "unreadable", "not an image of a format that is read, whatever its name says"
            ) from error
        except Exception as error:  # Pillow's plugins raise whatever they like on damaged files
            kind = "truncated" if "truncat" in str(error).lower() else "unreadable"
            raise UndecodableError(kind, f"the image is damaged: {error}") from error


def _refuse_bomb(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise UndecodableError("oversized", f"{size[0]}x{size[1]} pixels; at most {MOST_PIXELS:,} are read")


def _to_rgb(opened: Image.Image) -> Pixels:
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        grey = np.clip((wide + 128) // 257, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise UndecodableError("unsupported", "pixels are floating-point numbers without a stated range")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return over_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def over_white(rgba: Pixels) -> Pixels:
    """Return the (h, w, 3) pixels of an (h, w, 4) image laid over white."""
    colours, alpha = rgba[:, :, :3], rgba[:, :, 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.array(colours)
    return ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the image at `size` (height, width), averaged when made smaller; all of it is kept, its aspect is not."""
    if pixels.shape[:2] == size:
        return pixels
    resized: Pixels = np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    return resized


def read_bytes(locator: Locator) -> bytes:
    """Return the bytes of an image file or archive member.

    Raises
    ------
    UndecodableError
        When it cannot be read or is too large.
    """
    try:
        if isinstance(locator, FileImage):
            if locator.path.stat().st_size > MOST_BYTES:
                raise UndecodableError("oversized", f"the file has more than {MOST_BYTES // 2**20} MB")
            return locator.path.read_bytes()
        if isinstance(locator, ArrayImage):
            raise TypeError("rows of arrays are no files")
        with zipfile.ZipFile(locator.archive) as archive:
            if archive.getinfo(locator.name).file_size > MOST_BYTES:
                raise UndecodableError("oversized", f"the member has more than {MOST_BYTES // 2**20} MB")
            return archive.read(locator.name)
    except (OSError, zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError) as error:
        raise UndecodableError("unreadable", f"cannot be read: {error}") from error


def image_size(locator: Locator) -> tuple[int, int] | None:
    """Return (height, width) from the image's header, or None when it has none that can be read."""
    if isinstance(locator, ArrayImage):
        shape = np.load(locator.file, mmap_mode="r").shape
        return (int(shape[1]), int(shape[2]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = locator.path if isinstance(locator, FileImage) else io.BytesIO(read_bytes(locator))
            with Image.open(source, formats=FORMATS) as image:
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                return (image.width, image.height) if turned else (image.height, image.width)
    except Exception:  # whatever is wrong with it is said when it is decoded
        return None


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

    The file appears under its name only when it is complete.

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
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(locators), *size, 3))
    array.flush()
    del array
    chunks = [
        _Chunk(temporary, first, tuple(locators[first : first + CHUNK])) for first in range(0, len(locators), CHUNK)
    ]
    try:
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
        _compact(temporary, [not result.kind for result in decoded])
        temporary.replace(target)
    finally:
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
        content = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode() + pixels.tobytes()).hexdigest()
        results.append(Decoded(file_hash, content))
    array.flush()
    return results


def _load(locator: Locator) -> tuple[Pixels, str]:
    if isinstance(locator, ArrayImage):
        row = np.array(np.load(locator.file, mmap_mode="r")[locator.row])
        return row, hashlib.sha256(row.tobytes()).hexdigest()
    data = read_bytes(locator)
    return decode(data), hashlib.sha256(data).hexdigest()


def _compact(path: Path, good: list[bool]) -> None:
    """Move the good rows of an ``.npy`` file together and cut it off after them."""
    if all(good):
        return
    rows = np.flatnonzero(good)
    array = np.lib.format.open_memmap(path, mode="r")
    shorter = path.with_name(path.name + ".short")
    kept = np.lib.format.open_memmap(shorter, mode="w+", dtype=np.uint8, shape=(len(rows), *array.shape[1:]))
    for first in range(0, len(rows), 4096):
        part = rows[first : first + 4096]
        kept[first : first + len(part)] = array[part]
    kept.flush()
    del kept, array
    shorter.replace(path)
