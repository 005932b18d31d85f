"""Attacks that only ask: Square, a random search; and random noise, the baseline that every attack must beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from evenhand.attacks.base import Attack
from evenhand.attacks.batch import Batch
from evenhand.attacks.gradient import positive, random_place
from evenhand.attacks.norms import column, measure
from evenhand.attacks.victim import Look

_SCHEDULE = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of the queries at which the area of the squares is halved (Andriushchenko et al. 2020, section 5)."""


@dataclass(frozen=True)
class RandomNoise(Attack):
    """Random noise within the budget, several times afresh.

    Parameters
    ----------
    tries : int
    """

    tries: int = 10
    gradient = False
    queries = True

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        positive(self, "tries")

    @property
    def looks(self) -> int:
        """The tries."""
        return self.tries

    def begin(self, batch: Batch) -> Tensor:
        """Return a random place within the budget."""
        return random_place(batch)

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return another random place."""
        del look
        return random_place(batch, number + 1)


@dataclass(frozen=True)
class Square(Attack):
    """Square attack (Andriushchenko et al. 2020, algorithms 2 and 3): change a random square, keep what helps.

    Parameters
    ----------
    steps : int
        Queries an image, at most.
    area : float
        Share of the image that the first squares cover.
    """

    steps: int = 1000
    area: float = 0.8
    gradient = False
    queries = True

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        positive(self, "steps", "area")

    @property
    def looks(self) -> int:
        """The queries."""
        return self.steps

    def begin(self, batch: Batch) -> Tensor:
        """Return stripes of the whole budget, or in l2 a chequer of bumps."""
        channels, height, width = batch.images.shape[1:]
        eps = batch.threat.eps or 0.0
        if batch.threat.norm == "linf":
            return batch.images + eps * _signs(batch.uniform("stripes", 0, (channels, 1, width)))
        side = max(3, min(height, width) // 5)
        tile = _bump(side).to(batch.images)
        tiles = tile.repeat(math.ceil(height / side), math.ceil(width / side))[:height, :width]
        noise = tiles * _signs(batch.uniform("stripes", 0, (channels, 1, 1)))
        return batch.images + column(eps / measure(noise.expand_as(batch.images), "l2"), noise) * noise

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the best points so far, each with one square changed."""
        state = batch.state
        if number == 0:
            state["top"], state["top_point"] = look.loss, batch.point
        better = look.loss > state["top"]
        state["top"] = torch.where(better, look.loss, state["top"])
        state["top_point"] = torch.where(column(better, batch.point), batch.point, state["top_point"])
        channels, height, width = batch.images.shape[1:]
        side = round(math.sqrt(self._share(number) * height * width))
        drawn = batch.uniform("square", number + 1, (4 + channels,))
        if batch.threat.norm == "linf":
            side = max(1, min(side, height - 1, width - 1))
            window = _window(drawn[:, 0], drawn[:, 1], side, batch.images)
            colours = (batch.threat.eps or 0.0) * _signs(drawn[:, 4:])[:, :, None, None]
            return torch.where(window, batch.images + colours, state["top_point"])
        return self._bumped(batch, drawn, min(max(3, side), height, width))

    def _share(self, number: int) -> float:
        return self.area * 0.5 ** sum(number > share * self.steps for share in _SCHEDULE)

    def _bumped(self, batch: Batch, drawn: Tensor, side: int) -> Tensor:
        """Return the best noises with a bump in one window, paid with what another window and the budget had left."""
        noise = batch.state["top_point"] - batch.images
        here = _window(drawn[:, 0], drawn[:, 1], side, batch.images)
        there = _window(drawn[:, 2], drawn[:, 3], side, batch.images) & ~here
        eps = batch.threat.eps or 0.0
        spare = (eps**2 - measure(noise, "l2") ** 2).clamp_min(0)
        paid = (spare + measure(noise * (here | there), "l2") ** 2).sqrt()
        bump = _placed(drawn[:, 0], drawn[:, 1], side, batch.images) * _signs(drawn[:, 4:])[:, :, None, None]
        added = bump + noise * here / column(measure(noise * here, "l2").clamp_min(1e-12), noise)
        added = added * column(paid / measure(added, "l2").clamp_min(1e-12), added)
        return batch.images + torch.where(here, added, noise * ~there)


def _signs(drawn: Tensor) -> Tensor:
    return torch.where(drawn < 0.5, -1.0, 1.0)


def _corner(drawn: Tensor, side: int, length: int) -> Tensor:
    return (drawn * (length - side + 1)).long().clamp_max(length - side)


def _window(down: Tensor, across: Tensor, side: int, images: Tensor) -> Tensor:
    """Return (n, 1, height, width) bool: a square window at a drawn place in each image."""
    height, width = images.shape[2:]
    top, left = _corner(down, side, height)[:, None], _corner(across, side, width)[:, None]
    rows, columns = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    tall = (rows >= top) & (rows < top + side)
    wide = (columns >= left) & (columns < left + side)
    return (tall[:, :, None] & wide[:, None, :])[:, None]


def _placed(down: Tensor, across: Tensor, side: int, images: Tensor) -> Tensor:
    """Return (n, 1, height, width) a bump of l2 norm 1 in the window that `_window` would take."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - _corner(down, side, height)[:, None]
    columns = torch.arange(width, device=images.device) - _corner(across, side, width)[:, None]
    middle = (side - 1) / 2
    tall = (1 - (rows - middle).abs() / (middle + 1)).clamp_min(0) * ((rows >= 0) & (rows < side))
    wide = (1 - (columns - middle).abs() / (middle + 1)).clamp_min(0) * ((columns >= 0) & (columns < side))
    bump = (tall[:, :, None] * wide[:, None, :])[:, None]
    return bump / column(measure(bump, "l2").clamp_min(1e-12), bump)


def _bump(side: int) -> Tensor:
    middle = (side - 1) / 2
    slope = 1 - (torch.arange(side) - middle).abs() / (middle + 1)
    return slope[:, None] * slope[None, :]
