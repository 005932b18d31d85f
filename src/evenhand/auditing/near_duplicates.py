"""Near-duplicates: images that show the same picture with other pixels - compressed, resized, brightened, flipped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from evenhand.auditing.duplicates import joined
from evenhand.records.values import Floats, Ints, Pixels

SIDE = 16
"""Height and width of the thumbnails in which candidates are sought."""
FINE = 32
"""Height and width at which the forms and details of two candidates are compared."""
FLAT = 4.0
"""Contrast in grey levels (of 256) below which an image shows too little to be called a copy of another."""
REACH = 0.14
"""Distance of two sketches, fine waves counting less, up to which their images are compared; copies lie below 0.1."""
NEAREST = 24
"""Most other images that one image is compared with, the nearest first: data of one kind of picture stay quick."""
CLOSE = 0.12
"""Distance of two sketches up to which the coarse look may decide alone, where the picture is faint."""
FAINT = 45.0
"""Contrast in grey levels up to which compression or grain may drown all fine detail."""
GLANCE = 0.7
"""Agreement of the coarse details below which nobody need look closer."""
FORM = 0.9
"""Correlation of the softened images from which their forms are the same."""
DETAIL = 0.8
"""Correlation of the changes from pixel to pixel from which their details are the same."""
LARGEST = 0.02
"""Share of all images above which a group is no longer one picture, but a chain of many that look alike."""
FEW = 50
"""Groups up to this many images are never taken for chains."""
SURE = 0.97
"""Agreement of form and detail that holds even in a chain."""

_CHUNK_BYTES = 2**24
_PAIRS = 256
_SHIFTS = [
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (1, -1),
    (-1, 1),
    (-1, -1),
    (0, 2),
    (0, -2),
    (2, 0),
    (-2, 0),
]
_BANDS = ((5, 0), (2, 1), (2, 2))
"""(frequencies, channel): how much of brightness and of the two colour channels is in a sketch."""
_KEPT = [
    (channel, down, right)
    for frequencies, channel in _BANDS
    for down in range(frequencies)
    for right in range(frequencies)
    if 0 < down + right < frequencies
]
_MIRROR = np.array([(-1) ** right for _, _, right in _KEPT], dtype=np.float32)
"""What becomes of a sketch when the image is mirrored: waves that are odd from left to right change their sign."""
_WEIGHTS = np.array([1 / (down + right) for _, down, right in _KEPT], dtype=np.float32)
"""A shift changes a wave the more, the finer it is: counted like this, shifted copies stay close too."""
_CHANNELS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=np.float32)
_CHANNELS /= np.linalg.norm(_CHANNELS, axis=1, keepdims=True)


def chunks(pixels: Pixels) -> Iterator[slice]:
    """Yield slices of so many images that each takes about 16 MB."""
    step = max(1, _CHUNK_BYTES // max(1, int(np.prod(pixels.shape[1:]))))
    for first in range(0, len(pixels), step):
        yield slice(first, min(first + step, len(pixels)))


def thumbnails(pixels: Pixels, side: int = SIDE) -> Pixels:
    """Return (n, side, side, 3) uint8 averages of the images, read chunk by chunk from a memory map."""
    found = np.empty((len(pixels), side, side, 3), dtype=np.uint8)
    rows, columns = (_averaging(length, side) for length in pixels.shape[1:3])
    for part in chunks(pixels):
        found[part] = np.rint(_shrunk(pixels[part], rows, columns))
    return found


def _shrunk(pixels: Pixels, rows: Floats, columns: Floats) -> Floats:
    count, height, width, _ = pixels.shape
    halved = rows @ pixels.reshape(count, height, width * 3).astype(np.float32)
    small: Floats = columns @ halved.reshape(count, len(rows), width, 3)
    return small


def _averaging(length: int, side: int) -> Floats:
    """Return the (side, length) weights by which `length` pixels are averaged to `side`, edges shared by parts."""
    edges = np.linspace(0, length, side + 1)
    low, high = np.maximum(edges[:-1, None], np.arange(length)), np.minimum(edges[1:, None], np.arange(length) + 1)
    overlap = np.clip(high - low, 0, None)
    weights: Floats = (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def _cosines(frequencies: int, side: int = SIDE) -> Floats:
    """Return (frequencies, side) orthonormal cosines."""
    angle = np.pi / side * (np.arange(side) + 0.5) * np.arange(frequencies)[:, None]
    waves = np.cos(angle) * np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    return np.asarray(waves, dtype=np.float32)


def _sketches(small: Pixels) -> tuple[Floats, Floats]:
    """Return (n, d) coarse forms, free of brightness and contrast, and the (n,) contrasts in grey levels.

    Sketches are a part of the thumbnail's coordinates in another basis: two images whose whole thumbnails are close
    have close sketches, whatever else is in the data.
    """
    parts, contrasts = [], []
    for part in chunks(small):
        values = small[part].astype(np.float32)
        values -= values.mean(axis=(1, 2), keepdims=True)
        contrast = np.sqrt((values**2).mean(axis=(1, 2, 3)))
        turned = values @ _CHANNELS.T
        found = []
        for frequencies, channel in _BANDS:
            waves = _cosines(frequencies)
            whole = waves @ turned[..., channel] @ waves.T
            low = np.add.outer(np.arange(frequencies), np.arange(frequencies))
            found.append(whole[:, (low < frequencies) & (low > 0)])
        scale = np.maximum(contrast, 1e-3) * np.sqrt(3 * SIDE * SIDE)
        parts.append(np.concatenate(found, axis=1) / scale[:, None])
        contrasts.append(contrast)
    return np.concatenate(parts), np.concatenate(contrasts)


def search_fingerprint() -> str:
    """Return a digest of this search: what an older version of it found may differ."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:20]


def near_pairs(pixels: Pixels, same: Ints | None = None) -> Ints:
    """Return pairs of images that show the same picture with other pixels: (m, 2) int64, the lower row first, sorted.

    Found are copies that were compressed, resized, made brighter or darker, given more or less contrast or a little
    noise, mirrored left to right, or moved or cropped by a few per cent of their side. Whether two images are a pair
    is seen in these two alone, whatever else is in the data; only where hundreds of images hang together must they
    agree better. Images of nearly one colour are never pairs.

    Parameters
    ----------
    pixels : (n, height, width, 3) uint8
        All images; a memory map is read in parts.
    same : (n,) int64, optional
        Images of one number have the very same pixels: only the first of them is looked at.
    """
    count = len(pixels)
    first = np.arange(count) if same is None else np.sort(np.unique(same, return_index=True)[1])
    if not count:
        return np.zeros((0, 2), dtype=np.int64)
    small = thumbnails(pixels)
    sketches, contrast = _sketches(small)
    rows = first[contrast[first] >= FLAT]
    found = []
    for mirrored in (False, True):
        places, distance = _close(sketches[rows], mirrored=mirrored)
        pairs = rows[places]
        coarse = _coarse_agreement(small, pairs, mirrored=mirrored)
        # Fine detail drowns in a faint picture's grain; then the coarse look must agree all the better.
        faint = contrast[pairs].min(axis=1, initial=np.inf) <= FAINT
        sure = faint & (distance <= CLOSE) & (coarse >= 0.5 + 3 * distance)
        looked = sure | (coarse >= GLANCE)
        pairs, sure = pairs[looked], sure[looked]
        form, detail = _fine_agreement(pixels, pairs, mirrored=mirrored)
        kept = sure | ((form >= FORM) & (detail >= DETAIL))
        found.append(np.c_[pairs, np.minimum(form, detail) >= SURE][kept])
    return _unchained(count, np.concatenate(found))


def _unchained(count: int, found: Ints) -> Ints:
    """Return the pairs, sorted, of (m, 3) rows of two images and whether they are almost the same.

    In data of one kind of picture, digits for example, each may look like the next without being a copy of it; they
    would hang together in one group. Where a group grows so large, only those that are almost the same stay together.
    """
    group = joined(count, found[:, :2].tolist())
    chained = np.bincount(group, minlength=count)[group[found[:, 0]]] > max(FEW, LARGEST * count)
    pairs: Ints = np.unique(np.sort(found[~chained | (found[:, 2] > 0), :2], axis=1), axis=0)
    return pairs


def _close(sketches: Floats, *, mirrored: bool) -> tuple[Ints, Floats]:
    """Return (m, 2) places of sketches that are close to each other, each pair once, and their (m,) distances."""
    if len(sketches) < 2:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.float32)
    nearest = min(NEAREST + 1, len(sketches))
    asked = sketches * _MIRROR if mirrored else sketches
    _, places = KDTree(sketches * _WEIGHTS).query(asked * _WEIGHTS, k=nearest, distance_upper_bound=REACH, workers=-1)
    own = np.repeat(np.arange(len(sketches)), nearest)
    other = np.asarray(places).reshape(-1)
    # A mirrored image may lie close to itself; where there is no neighbour, the tree says a number too high.
    kept = (other < len(sketches)) & (own != other)
    pairs = np.unique(np.sort(np.stack([own[kept], other[kept]], axis=1), axis=1), axis=0)
    distance = np.linalg.norm(asked[pairs[:, 0]] - sketches[pairs[:, 1]], axis=1)
    return pairs, distance.astype(np.float32)


def _coarse_agreement(small: Pixels, pairs: Ints, *, mirrored: bool) -> Floats:
    """Return (m,) how well the details agree that are left in thumbnails of half the side: a quick look."""
    found = np.zeros(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), 16 * _PAIRS):
        part = pairs[start : start + 16 * _PAIRS]
        one, other = (_halved(small[part[:, side]].astype(np.float32)) for side in (0, 1))
        found[start : start + len(part)] = _detail(one, other[:, :, ::-1] if mirrored else other)
    return found


def _halved(images: Floats) -> Floats:
    rows = images[:, ::2] + images[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, dtype=np.float32)


def _fine_agreement(pixels: Pixels, pairs: Ints, *, mirrored: bool) -> tuple[Floats, Floats]:
    """Return `agreement` of pairs of rows, their images read as they are needed."""
    form, detail = np.zeros((2, len(pairs)), dtype=np.float32)
    for start in range(0, len(pairs), _PAIRS):
        part = slice(start, min(start + _PAIRS, len(pairs)))
        rows, places = np.unique(pairs[part], return_inverse=True)
        fine = thumbnails(pixels[rows], FINE).astype(np.float32)
        one, other = (fine[places.reshape(-1, 2)[:, side]] for side in (0, 1))
        form[part], detail[part] = agreement(one, other[:, :, ::-1] if mirrored else other)
    return form, detail


def agreement(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Return two correlations of (m, side, side, 3) images, each (m,): of their forms and of their details.

    Detail is the change from pixel to pixel of the softened images, which is what differs between two pictures of the
    same kind of thing. Both are taken at the shift of at most two pixels where the details agree best.
    """
    one, other = _softened(one), _softened(other)
    side = one.shape[1]
    form, detail = np.full(len(one), -1, dtype=np.float32), np.full(len(one), -1, dtype=np.float32)
    for down, right in _SHIFTS:
        first = one[:, max(down, 0) : side + min(down, 0), max(right, 0) : side + min(right, 0)]
        second = other[:, max(-down, 0) : side + min(-down, 0), max(-right, 0) : side + min(-right, 0)]
        now = _detail(first, second)
        better = now > detail
        detail = np.where(better, now, detail)
        form[better] = _correlation(_centred(first[better]), _centred(second[better]))
    return form, detail


def _detail(one: Floats, other: Floats) -> Floats:
    tops = [np.diff(image, axis=1) for image in (one, other)]
    sides = [np.diff(image, axis=2) for image in (one, other)]
    shared = _product(*tops) + _product(*sides)
    own = [_product(top, top) + _product(side, side) for top, side in zip(tops, sides, strict=True)]
    return np.asarray(shared / np.sqrt(np.maximum(own[0] * own[1], 1e-6)), dtype=np.float32)


def _softened(images: Floats) -> Floats:
    """Return averages of 2x2 pixels, one row and column fewer."""
    rows = images[:, 1:] + images[:, :-1]
    return np.asarray((rows[:, :, 1:] + rows[:, :, :-1]) / 4, dtype=np.float32)


def _centred(images: Floats) -> Floats:
    """Return the images with the mean of each colour channel taken off."""
    centred: Floats = images - images.mean(axis=(1, 2), keepdims=True)
    return centred


def _correlation(one: Floats, other: Floats) -> Floats:
    size = np.sqrt(_product(one, one) * _product(other, other))
    return np.asarray(_product(one, other) / np.maximum(size, 1e-6), dtype=np.float32)


def _product(one: Floats, other: Floats) -> Floats:
    found: Floats = np.einsum("nijk,nijk->n", one, other)
    return found
