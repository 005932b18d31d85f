"""Batches: pixels drawn, augmented and scaled, as vectorised operations on whole batches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image each time it is drawn.

    `crop` is the largest shift in pixels per 32 pixels of side (reflected borders); `cutout` the side of the blanked
    square per 32 pixels of side; flips happen with probability one half.
    """

    crop: int = 0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    cutout: int = 0
