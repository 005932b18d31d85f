"""Pictures as estimators are given them, arrays or paths, to pixels of one size."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.data.locations import image_size
from evenhand.data.pixels import choose_size, decode_all, resize
from evenhand.data.readers.source import FileImage
from evenhand.data.readers.to_pixels import as_rgb, black_and_white
from evenhand.errors import DataError
from evenhand.records.values import Pixels

CALLED = Path("X")
"""What an array is called in messages."""


class ImagesError(DataError, ValueError):
    """Images that an estimator cannot take: an error of ours, and the one that scikit-learn expects."""


def are_paths(images: Any) -> bool:
    """Return whether these are places of pictures: one path, or several."""
    if isinstance(images, str | os.PathLike):
        return True
    if isinstance(images, np.ndarray) and images.dtype.kind not in "OU":
        return False
    if getattr(images, "ndim", 1) != 1 or not hasattr(images, "__len__") or not len(images):
        return False
    return all(isinstance(one, str | os.PathLike) for one in images)


def to_pixels(
    images: NDArray[Any], size: tuple[int, int] | None = None, scale: tuple[float, float] | None = None
) -> Pixels:
    """Return (n, height, width, 3) uint8 pixels of an array of images.

    Parameters
    ----------
    images : (n, h, w), (n, h, w, C), (n, C, h, w) or (n, m) array
        C is 1, 3 or 4; rows of m numbers are squares, or else pictures one pixel high.
    size : tuple of int, optional
        Height and width that they are brought to; by default their own.
    scale : tuple of float, optional
        The numbers that stand for black and white; by default judged from the images.

    Raises
    ------
    ImagesError
        When the shape or the numbers are those of no image.
    """
    if images.ndim == 1:
        raise ImagesError(f"X has the shape {images.shape}; it takes (n, height, width, channels), or paths.")
    try:
        black, white = scale or black_and_white(images, CALLED)
        found = as_rgb(images, black, white, CALLED)
    except DataError as error:
        raise ImagesError(str(error)) from error
    if size is None or found.shape[1:3] == size:
        return found
    return np.stack([resize(one, size) for one in found]) if len(found) else np.zeros((0, *size, 3), dtype=np.uint8)


def read_pixels(paths: Sequence[Any], size: tuple[int, int] | None, *, jobs: int = 1) -> Pixels:
    """Return (n, height, width, 3) uint8 pixels of image files, in order.

    Parameters
    ----------
    paths : sequence of path
    size : tuple of int, optional
        Height and width; by default chosen from the images as for a folder.
    jobs : int
        Worker processes.

    Raises
    ------
    ImagesError
        When a file cannot be read: an estimator cannot leave it out.
    """
    locators = [FileImage(Path(path)) for path in paths]
    if size is None:
        known = [found for found in map(image_size, locators) if found]
        size = choose_size(known)[0] if known else (32, 32)
    with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
        file = Path(scratch) / "pixels.npy"
        decoded = decode_all(locators, file, size, jobs=jobs)
        bad = [(path, one.detail) for path, one in zip(paths, decoded, strict=True) if one.kind]
        if bad:
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            raise ImagesError(f"{bad[0][0]} cannot be read: {bad[0][1]}{more}. Leave such files out.")
        pixels: Pixels = np.load(file)
        return pixels
