"""Batches: order, crops and flips as functions of (seed, epoch, image), applied to whole batches at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evenhand.data.policy import Fate, grey, mean_grey, trivial_augment
from evenhand.errors import UsageError, suggest
from evenhand.records.values import Ints

if TYPE_CHECKING:
    from torch import Tensor

_MASK = (1 << 64) - 1
POLICIES = ("none", "trivial")


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image each time it is drawn.

    `crop` is the largest shift in pixels per 32 pixels of side (reflected borders); `cutout` the side of the blanked
    square per 32 pixels of side; flips happen with probability one half. `brightness`, `contrast` and `saturation` are
    the largest relative changes; `policy` "trivial" lets one operation drawn from a list act on each image, see
    `policy.trivial_augment`.
    """

    crop: int = 0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    cutout: int = 0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    policy: str = "none"

    def __post_init__(self) -> None:
        """Refuse settings that cannot be carried out.

        Raises
        ------
        UsageError
            When the policy is unknown or a number is out of its range.
        """
        if self.policy not in POLICIES:
            raise UsageError(f"There is no augmentation.policy {self.policy!r}. {suggest(self.policy, POLICIES)}")
        for name, most in (("crop", 16), ("cutout", 64), ("brightness", 1), ("contrast", 1), ("saturation", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"augmentation.{name} must be 0 to {most}, not {getattr(self, name)}.")

    @property
    def active(self) -> bool:
        """Whether any image can come out changed."""
        return self != Augmentation()

    @property
    def colours(self) -> bool:
        """Whether brightness, contrast or saturation can change."""
        return bool(self.brightness or self.contrast or self.saturation)


def uniform(stream: str, seed: int, epoch: int, index: Ints) -> NDArray[np.float64]:
    """Return numbers in [0, 1) that depend on nothing but the arguments.

    Leaving images out of a training set therefore changes nothing for the others: two trainings that differ in a few
    images are a paired experiment. The mixing function is splitmix64 (Steele, Lea and Flood 2014).

    Parameters
    ----------
    stream : str
        What the numbers are for; different streams are independent.
    seed, epoch : int
        Of the trial and its epoch, counted from 0.
    index : (n,) int64
        Identity of each image.
    """
    salt = int.from_bytes(f"{stream}:{seed}:{epoch}".encode(), "little")
    start = 0
    while salt:
        start = _splitmix_scalar(start ^ (salt & _MASK))
        salt >>= 64
    state = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _splitmix_scalar(state: int) -> int:
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


def occurrences(index: Ints) -> Ints:
    """Return for each entry how many times the same value stood before it, so that repeated draws differ."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    fresh = np.r_[True, ordered[1:] != ordered[:-1]]
    starts = np.flatnonzero(fresh)
    position = np.arange(len(index)) - np.repeat(starts, np.diff(np.r_[starts, len(index)]))
    counts = np.empty(len(index), dtype=np.int64)
    counts[order] = position
    return counts


class Augmenter:
    """Applies an `Augmentation` to the images of one epoch, each with the fate its identity gives it."""

    def __init__(
        self, augmentation: Augmentation, size: tuple[int, int], *, seed: int, epoch: int, index: Ints
    ) -> None:
        # A second draw of the same image in one epoch must differ from the first: the draw's number joins the identity.
        identity = index + (occurrences(index) << 40)

        def draw(stream: str) -> NDArray[np.float64]:
            return uniform(stream, seed, epoch, identity)

        height, width = size
        self._size = size
        self._augmentation = augmentation
        self._rows = self._positions(draw("crop-y"), draw("flip-y"), height, flip=augmentation.flip_vertical)
        self._columns = self._positions(draw("crop-x"), draw("flip-x"), width, flip=augmentation.flip_horizontal)
        self._holes = np.stack([draw("hole-y") * height, draw("hole-x") * width])
        trivial = augmentation.policy == "trivial"
        self._fate = Fate(draw("operation"), draw("strength"), draw("direction")) if trivial else None
        if augmentation.colours:
            largest = np.array([[augmentation.brightness], [augmentation.contrast], [augmentation.saturation]])
            drawn = np.stack([draw("brightness"), draw("contrast"), draw("saturation")])
            self._factors = (1 + largest * (2 * drawn - 1)).astype(np.float32)

    def _positions(self, shift: NDArray[np.float64], flip_draw: NDArray[np.float64], side: int, *, flip: bool) -> Ints:
        reach = round(self._augmentation.crop * side / 32)
        moved = np.arange(side)[None, :] + (np.floor(shift * (2 * reach + 1)).astype(np.int64) - reach)[:, None]
        moved = np.abs(moved)
        moved = np.where(moved >= side, 2 * (side - 1) - moved, moved)
        positions: Ints = np.where((flip_draw < 0.5)[:, None] & flip, moved[:, ::-1], moved)
        return positions

    def apply(self, batch: Tensor, first: int) -> Tensor:
        """Return the augmented batch, the same shape and dtype.

        Parameters
        ----------
        batch : (n, height, width, 3) uint8 tensor, or one of features
            The images number `first` to `first + n` of the epoch.
        first : int
            Position of the batch in the epoch.
        """
        import torch

        here = slice(first, first + len(batch))
        rows = torch.from_numpy(np.ascontiguousarray(self._rows[here])).to(batch.device)
        columns = torch.from_numpy(np.ascontiguousarray(self._columns[here])).to(batch.device)
        width = self._size[1]
        flat = (rows[:, :, None] * width + columns[:, None, :]).reshape(len(batch), -1, 1)
        channels = batch.shape[3]
        whole = batch.reshape(len(batch), -1, channels)
        moved = torch.gather(whole, 1, flat.expand(-1, -1, channels)).reshape(batch.shape)
        if self._fate:
            moved = trivial_augment(moved, self._fate.part(here))
        if self._augmentation.colours:
            moved = self._coloured(moved, here)
        return self._cut(moved, here) if self._augmentation.cutout else moved

    def _coloured(self, batch: Tensor, here: slice) -> Tensor:
        """Return the images with brightness, contrast about the mean, and distance from grey multiplied."""
        import torch

        factors = torch.from_numpy(np.ascontiguousarray(self._factors[:, here])).to(batch.device)
        brightness, contrast, saturation = factors[:, :, None, None, None]
        dull = grey(batch)
        middle = mean_grey(dull)[:, None, None, None]
        changed = batch.to(torch.float32).sub_(dull).mul_(saturation).add_(dull)
        changed.sub_(middle).mul_(contrast * brightness).add_(middle * brightness)
        return changed.round_().clamp_(0, 255).to(torch.uint8)

    def _cut(self, batch: Tensor, here: slice) -> Tensor:
        import torch

        height, width = self._size
        centre_y, centre_x = torch.from_numpy(self._holes[:, here]).to(batch.device)
        reach_y, reach_x = (self._augmentation.cutout * side / 64 for side in self._size)
        in_rows = (torch.arange(height, device=batch.device)[None] + 0.5 - centre_y[:, None]).abs() < reach_y
        in_columns = (torch.arange(width, device=batch.device)[None] + 0.5 - centre_x[:, None]).abs() < reach_x
        hole = (in_rows[:, :, None] & in_columns[:, None, :])[..., None]
        return torch.where(hole, torch.full_like(batch, 128), batch)


def to_network(batch: Tensor, *, channels_last: bool) -> Tensor:
    """Return a (n, 3, h, w) float32 tensor in [0, 1] from a (n, h, w, 3) uint8 one; features keep their values."""
    import torch

    channels_first = batch.permute(0, 3, 1, 2)
    scaled = channels_first.to(torch.float32).mul_(1 / 255) if batch.dtype == torch.uint8 else channels_first
    return scaled if channels_last else scaled.contiguous()
