"""Corruptions of the lens and of the weather: blurs, snow, frost, fog."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, signal

from evenhand.attacks.corruption_noise import Picture, from_image, length, to_image

_FINE = 8
"""Points a pixel along which a line or an edge of a kernel is drawn."""


def defocus_blur(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture out of focus: every point becomes a disc."""
    del dice
    radius = max(0.6, length((3.5, 5, 7, 9, 12)[level], picture))
    return filtered(picture, disc(radius))


def glass_blur(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture through frosted glass: near pixels change places."""
    reach = max(1, round(length((3, 4, 5, 7, 9)[level], picture)))
    share = (0.3, 0.45, 0.6, 0.75, 0.9)[level]
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    moved = dice.random((height, width)) < share
    down, across = (dice.integers(-reach, reach + 1, (height, width)) * moved for _ in range(2))
    shuffled = picture[np.clip(rows + down, 0, height - 1), np.clip(columns + across, 0, width - 1)]
    return _smooth(shuffled, length(2.5, picture))


def motion_blur(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture of a camera that moved: every point becomes a line."""
    reach = max(1.2, length((12, 18, 25, 32, 42)[level], picture))
    return filtered(picture, streak(reach, dice.uniform(-np.pi / 4, np.pi / 4)))


def zoom_blur(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture of a camera that moved towards what it saw."""
    del dice
    most = (0.11, 0.16, 0.21, 0.26, 0.33)[level]
    height, width = picture.shape[:2]
    image, total = to_image(picture), np.zeros_like(picture)
    factors = np.linspace(1, 1 + most, 11)
    for factor in factors:
        left, top = width * (1 - 1 / factor) / 2, height * (1 - 1 / factor) / 2
        box = (left, top, width - left, height - top)
        total += from_image(image.resize((width, height), Image.Resampling.BILINEAR, box=box))
    mean: Picture = total / np.float32(len(factors))
    return mean


def snow(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture in falling snow: streaks of flakes over a paler scene."""
    share, veil = (0.05, 0.09, 0.13, 0.18, 0.24)[level], (0.1, 0.15, 0.2, 0.27, 0.35)[level]
    flakes = ndimage.gaussian_filter(dice.standard_normal(picture.shape[:2]), max(0.5, length(2, picture)))
    flakes = np.clip((flakes - np.quantile(flakes, 1 - share)) / max(1e-9, float(flakes.std())), 0, 1)
    angle = dice.uniform(np.pi / 3, 2 * np.pi / 3)
    streaks = filtered(flakes[..., None].astype(np.float32), streak(max(1.2, length(14, picture)), angle))
    grey = picture.mean(axis=2, keepdims=True)
    pale = (1 - veil) * picture + veil * np.maximum(picture, 0.5 + 0.5 * grey)
    snowed: Picture = pale + np.clip(3 * streaks, 0, 1) * (1 - pale)
    return snowed


def frost(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture through a frozen window: bright ragged crystals, thickest where they began."""
    kept, laid = ((0.92, 0.85, 0.78, 0.7, 0.62)[level], (0.3, 0.42, 0.54, 0.64, 0.75)[level])
    height, width = picture.shape[:2]
    ridges = 1 - np.abs(2 * clouds(height, width, dice, roughness=0.75) - 1)
    spread = clouds(height, width, dice, roughness=0.45)
    ice = np.clip(1.6 * ridges**2 * (0.35 + spread), 0, 1)[..., None].astype(np.float32)
    tint = np.array([0.85, 0.93, 1.0], dtype=np.float32)[: picture.shape[2]]
    frozen: Picture = kept * picture * (1 - laid * ice) + laid * ice * tint
    return frozen


def fog(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture in drifting fog: clouds of white, contrast lost."""
    thick = (0.35, 0.45, 0.55, 0.65, 0.75)[level]
    field = clouds(picture.shape[0], picture.shape[1], dice, roughness=0.5)[..., None].astype(np.float32)
    veil = thick * (0.5 + 0.5 * field)
    foggy: Picture = picture * (1 - veil) + 0.9 * veil
    return foggy


def clouds(height: int, width: int, dice: np.random.Generator, *, roughness: float) -> NDArray[np.float64]:
    """Return (height, width) random clouds in [0, 1]: grids of random numbers, each twice as fine and fainter."""
    total = np.zeros((height, width))
    cells, weight = 2, 1.0
    while True:
        grid = dice.random((cells + 1, cells + 1)).astype(np.float32)
        smooth = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += weight * np.asarray(smooth, dtype=np.float64)
        if cells >= max(height, width) / 2:
            break
        cells, weight = cells * 2, weight * roughness
    scaled: NDArray[np.float64] = (total - total.min()) / max(1e-9, float(np.ptp(total)))
    return scaled


def disc(radius: float) -> NDArray[np.float64]:
    """Return a kernel of sum 1: a disc with soft edges."""
    side = int(np.ceil(radius))
    fine = (np.arange((2 * side + 1) * _FINE) + 0.5) / _FINE - side - 0.5
    inside = (fine[:, None] ** 2 + fine[None, :] ** 2) <= (radius + 0.25) ** 2
    kernel: NDArray[np.float64] = inside.reshape(2 * side + 1, _FINE, 2 * side + 1, _FINE).mean(axis=(1, 3))
    kernel /= kernel.sum()
    return kernel


def streak(reach: float, angle: float) -> NDArray[np.float64]:
    """Return a kernel of sum 1: a line of `reach` pixels at an angle in radians, 0 lying flat."""
    side = int(np.ceil(reach / 2)) + 1
    along = np.linspace(-reach / 2, reach / 2, max(3, int(reach * _FINE)))
    kernel = np.zeros((2 * side + 1, 2 * side + 1))
    rows, columns = side + along * np.sin(angle), side + along * np.cos(angle)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    for down in (0, 1):
        for across in (0, 1):
            weight = np.abs(1 - down - (rows - top)) * np.abs(1 - across - (columns - left))
            np.add.at(kernel, (top + down, left + across), weight)
    kernel /= kernel.sum()
    return kernel


def filtered(picture: Picture, kernel: NDArray[np.float64]) -> Picture:
    """Return the picture with every point spread out by a kernel; beyond the border lies its mirror image."""
    margin = kernel.shape[0] // 2
    padded = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    spread: Picture = signal.fftconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1)).astype(np.float32)
    return spread


def _smooth(picture: Picture, width: float) -> Picture:
    spread: Picture = ndimage.gaussian_filter(picture, (width, width, 0), mode="reflect")
    return spread
