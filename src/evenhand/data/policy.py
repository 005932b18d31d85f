"""A policy that alters each image by one operation drawn from a list, at a strength drawn too: TrivialAugment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 31
"""Strengths of an operation, from none to the most."""
ROTATION, SHEAR, SHIFT, CHANGE = 30.0, 0.3, 10 / 32, 0.9
"""The most: degrees, shear, shift as a share of the side, relative change of an enhancement."""
FILL = 128
"""Grey value of what comes in from outside of a turned or moved image."""

LOOKUPS = ("autocontrast", "equalize", "solarize", "posterize", "brightness", "contrast")
BLENDS = ("color", "sharpness")
MOVES = ("rotate", "shear-x", "shear-y", "translate-x", "translate-y")
OPERATIONS = ("identity", *LOOKUPS, *BLENDS, *MOVES)
ONE_WAY = ("solarize", "posterize")
"""Operations of which there is only more, no less."""


@dataclass(frozen=True)
class Fate:
    """What the policy does to some images: numbers in [0, 1) that choose operation, strength and direction."""

    operation: NDArray[np.float64]
    strength: NDArray[np.float64]
    direction: NDArray[np.float64]

    def part(self, here: slice) -> Fate:
        """Return the fate of some of the images."""
        return Fate(self.operation[here], self.strength[here], self.direction[here])


def trivial_augment(batch: Tensor, fate: Fate) -> Tensor:
    """Return the images, each altered by one operation of equal chance, at a strength of equal chance.

    Mueller and Hutter (2021), TrivialAugment: 14 operations, 31 strengths, no search; the ranges are those of their
    RandAugment space, which keeps things upright. An image's fate is its own: its batch-mates cannot matter.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8 tensor
    fate : Fate
        Of the n images.
    """
    import torch

    chosen = np.minimum((fate.operation * len(OPERATIONS)).astype(np.int64), len(OPERATIONS) - 1)
    level = np.floor(fate.strength * LEVELS) / (LEVELS - 1)
    one_way = np.isin(chosen, [OPERATIONS.index(name) for name in ONE_WAY])
    level = np.where((fate.direction < 0.5) & ~one_way, -level, level)
    result = batch.clone()
    for family, alter in ((LOOKUPS, _looked_up), (BLENDS, _blended), (MOVES, _moved)):
        rows = np.flatnonzero(np.isin(chosen, [OPERATIONS.index(name) for name in family]))
        if len(rows):
            names = [OPERATIONS[number] for number in chosen[rows]]
            place = torch.from_numpy(rows).to(batch.device)
            result[place] = alter(batch[place], names, level[rows])
    return result


def _per_name(names: list[str]) -> dict[str, list[int]]:
    return {name: [row for row, found in enumerate(names) if found == name] for name in dict.fromkeys(names)}


# Operations that send every grey value to another one: a table an image and channel.


def _looked_up(batch: Tensor, names: list[str], level: NDArray[np.float64]) -> Tensor:
    import torch

    tables = torch.empty((len(batch), 3, 256), dtype=torch.uint8, device=batch.device)
    for name, rows in _per_name(names).items():
        here = torch.from_numpy(level[rows]).float().to(batch.device)
        tables[rows] = _TABLES[name](batch[rows], here).clamp(0, 255).to(torch.uint8)
    flat = batch.reshape(len(batch), -1, 3).transpose(1, 2)
    return torch.gather(tables, 2, flat.long()).transpose(1, 2).reshape(batch.shape)


def _autocontrast(images: Tensor, level: Tensor) -> Tensor:
    """Return tables that stretch each channel to all grey values."""
    import torch

    del level
    low, high = (part[:, :, None].float() for part in (images.amin(dim=(1, 2)), images.amax(dim=(1, 2))))
    values = torch.arange(256, device=images.device).expand(len(images), 3, 256).float()
    scale = 255 / (high - low).clamp(min=1)
    return torch.where(high > low, ((values - low) * scale).floor(), values)


def _equalize(images: Tensor, level: Tensor) -> Tensor:
    """Return tables that make all grey values of a channel about equally common."""
    import torch

    del level
    flat = images.reshape(len(images), -1, 3).transpose(1, 2).long()
    counts = torch.zeros((len(images), 3, 256), dtype=torch.int64, device=images.device)
    counts.scatter_add_(2, flat, torch.ones_like(flat))
    last = counts.gather(2, flat.amax(dim=2, keepdim=True))
    step = (flat.shape[2] - last) // 255
    below = counts.cumsum(dim=2) - counts
    spread = (step // 2 + below) // step.clamp(min=1)
    values = torch.arange(256, device=images.device).expand(len(images), 3, 256)
    return torch.where(step > 0, spread, values)


def _solarize(images: Tensor, level: Tensor) -> Tensor:
    """Return tables that turn every value from a threshold on to its negative."""
    import torch

    values = torch.arange(256, device=images.device).expand(len(images), 3, 256)
    return torch.where(values < (256 - 256 * level)[:, None, None], values, 255 - values)


def _posterize(images: Tensor, level: Tensor) -> Tensor:
    """Return tables that keep the highest 8 to 4 bits."""
    import torch

    values = torch.arange(256, device=images.device).expand(len(images), 3, 256)
    unit = 2 ** (4 * level).floor().long()[:, None, None]
    return values // unit * unit


def _brightness(images: Tensor, level: Tensor) -> Tensor:
    import torch

    values = torch.arange(256, device=images.device).expand(len(images), 3, 256).float()
    return values * (1 + CHANGE * level)[:, None, None]


def _contrast(images: Tensor, level: Tensor) -> Tensor:
    import torch

    values = torch.arange(256, device=images.device).expand(len(images), 3, 256).float()
    middle = mean_grey(grey(images))[:, None, None].round()
    return middle + (values - middle) * (1 + CHANGE * level)[:, None, None]


_TABLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "solarize": _solarize,
    "posterize": _posterize,
    "brightness": _brightness,
    "contrast": _contrast,
}


def grey(images: Tensor) -> Tensor:
    """Return the (n, height, width, 1) float32 brightness of (n, height, width, 3) images, weighted as the eye does."""
    import torch

    red, green, blue = images.to(torch.int32).unbind(dim=3)
    return ((299 * red + 587 * green + 114 * blue) // 1000).float()[..., None]


def mean_grey(brightness: Tensor) -> Tensor:
    """Return the (n,) float32 mean of the brightness that `grey` found."""
    # Whole numbers: their sum is the same in whatever order it is taken, and for whatever batch.
    total = brightness.long().sum(dim=(1, 2, 3))
    return total.float() / (brightness.shape[1] * brightness.shape[2])


# Operations that move an image away from, or towards, a duller version of itself.


def _blended(batch: Tensor, names: list[str], level: NDArray[np.float64]) -> Tensor:
    import torch

    dull = torch.empty(batch.shape, dtype=torch.float32, device=batch.device)
    for name, rows in _per_name(names).items():
        dull[rows] = grey(batch[rows]).expand(-1, -1, -1, 3) if name == "color" else _smoothed(batch[rows])
    factor = torch.from_numpy(1 + CHANGE * level).float().to(batch.device)[:, None, None, None]
    return (dull + (batch - dull) * factor).clamp(0, 255).to(torch.uint8)


def _smoothed(images: Tensor) -> Tensor:
    """Return the images with each inner pixel averaged with its eight neighbours, itself counting five times."""
    values = images.float()
    if min(images.shape[1:3]) < 3:
        return values
    total = sum(
        values[:, 1 + down : values.shape[1] - 1 + down, 1 + across : values.shape[2] - 1 + across]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    )
    result = values.clone()
    result[:, 1:-1, 1:-1] = ((total + 4 * values[:, 1:-1, 1:-1]) / 13).round()
    return result


# Operations that move pixels: one map an image, nearest pixels, grey from outside.


def _moved(batch: Tensor, names: list[str], level: NDArray[np.float64]) -> Tensor:
    import torch

    height, width = int(batch.shape[1]), int(batch.shape[2])
    maps = np.stack([_map(name, here, height, width) for name, here in zip(names, level, strict=True)])
    centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
    down, across = np.meshgrid(np.arange(height) - centre_y, np.arange(width) - centre_x, indexing="ij")
    place = np.stack([across, down, np.ones_like(down)]).reshape(3, -1)
    found = np.floor(maps @ place + np.array([[centre_x], [centre_y]]) + 0.5).astype(np.int64)
    inside = (found >= 0).all(axis=1) & (found[:, 0] < width) & (found[:, 1] < height)
    source = torch.from_numpy(np.where(inside, found[:, 1] * width + found[:, 0], 0)).to(batch.device)
    moved = torch.gather(batch.reshape(len(batch), -1, 3), 1, source[:, :, None].expand(-1, -1, 3))
    shown = torch.from_numpy(inside).to(batch.device)[:, :, None]
    return torch.where(shown, moved, torch.full_like(moved, FILL)).reshape(batch.shape)


def _map(name: str, level: float, height: int, width: int) -> NDArray[np.float64]:
    """Return the 2x3 map from a pixel of the result to its source, both counted from the middle."""
    found = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    if name == "rotate":
        angle = np.deg2rad(ROTATION * level)
        found[:, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    elif name == "shear-x":
        found[0, 1] = SHEAR * level
    elif name == "shear-y":
        found[1, 0] = SHEAR * level
    elif name == "translate-x":
        found[0, 2] = SHIFT * level * width
    else:
        found[1, 2] = SHIFT * level * height
    return found
