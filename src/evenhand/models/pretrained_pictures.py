"""What a backbone wants done to pictures: resized, cropped and normalised as its image processor says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evenhand.errors import ModelFileError

Curve = Callable[[Tensor], Tensor]
SQUARE_FROM = 384
"""Sides from which ConvNeXt's processor squashes the picture in place of cropping it."""
_SHORTEST = ("ConvNext", "CLIP", "LevIt")
"""Beginnings of processors' names for which a single number is the length of the shorter side."""
_REFUSED = ("do_pad", "do_flip_channel_order", "do_thumbnail", "do_align_long_axis", "rescale_offset")
"""Entries of processors that are not carried out here."""


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes what the backbone was trained on.

    It is resized to `size` (height, width), or until its shorter side is `shortest`, then cut to `crop` in the middle,
    multiplied by `scale` (from 0 to 255), and normalised by `mean` and `std`. None: that step is left out.
    """

    size: tuple[int, int] | None
    shortest: int | None
    crop: tuple[int, int] | None
    resample: int
    """As Pillow numbers its filters."""
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of_processor(cls, told: dict[str, Any], where: Path) -> Preprocessing:
        """Return what a ``preprocessor_config.json`` asks for.

        Raises
        ------
        ModelFileError
            When it asks for something that is not carried out here.
        """
        refused = [name for name in _REFUSED if told.get(name)]
        try:
            kind = str(told.get("image_processor_type") or told.get("feature_extractor_type") or "")
            size, shortest, crop = _sizes(told, kind) if told.get("do_resize", True) else (None, None, None)
            if told.get("do_center_crop") and crop is None:
                crop = _square(told.get("crop_size", told.get("size")))
            normal = told.get("do_normalize", True)
            found = cls(
                size,
                shortest,
                crop,
                int(told.get("resample", 2)),
                float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0,
                _three(told["image_mean"]) if normal else (0.0, 0.0, 0.0),
                _three(told["image_std"]) if normal else (1.0, 1.0, 1.0),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"The image processor of {where} cannot be followed: {type(error).__name__} {error}. It needs size, "
                "image_mean and image_std."
            ) from error
        if refused or found.resample not in _CURVES or min(found.std) <= 0:
            what = ", ".join(refused) or f"resample {found.resample}, image_std {found.std}"
            raise ModelFileError(f"The image processor of {where} asks for {what}, which is not carried out here.")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Preprocessing:
        """Return what `to_json` wrote."""
        told: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in data.items()}
        return cls(**told)

    def resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width that a picture of some size is brought to before it is cropped."""
        if self.size:
            return self.size
        if self.shortest is None:
            return size
        short = min(size)
        height, width = (self.shortest if side == short else self.shortest * side // short for side in size)
        return height, width


def _sizes(told: dict[str, Any], kind: str) -> tuple[tuple[int, int] | None, int | None, tuple[int, int] | None]:
    """Return `size`, `shortest` and the crop that ConvNeXt's processor adds to them."""
    size = told["size"]
    if isinstance(size, dict) and "height" in size:
        return _square(size), None, None
    if isinstance(size, dict):
        shortest = int(size["shortest_edge"])
    elif kind.startswith(_SHORTEST):
        shortest = int(size)
    else:
        return _square(size), None, None
    if not kind.startswith("ConvNext"):
        return None, shortest, None
    if shortest >= SQUARE_FROM:
        return (shortest, shortest), None, None
    return None, int(shortest / float(told.get("crop_pct") or 224 / 256)), (shortest, shortest)


def _square(told: Any) -> tuple[int, int]:
    return (int(told["height"]), int(told["width"])) if isinstance(told, dict) else (int(told), int(told))


def _three(values: Any) -> tuple[float, ...]:
    if len(values) != 3:
        raise ValueError(f"{len(values)} channels; pictures here have 3")
    return tuple(float(value) for value in values)


class Pictures(nn.Module):
    """Carries out a `Preprocessing` on pictures of one size.

    Resizing and cropping are two matrices, one for the rows and one for the columns: the same arithmetic on every
    machine, in ONNX too, and a gradient passes through. Nothing is rounded to 8 bits in between.
    """

    def __init__(self, wanted: Preprocessing, size: tuple[int, int]) -> None:
        super().__init__()
        target = wanted.resized(size)
        crop = wanted.crop or target
        self.moves = target != size or crop != size
        curve, reach = _CURVES[wanted.resample]
        for name, side, full, kept in zip(("rows", "columns"), size, target, crop, strict=True):
            matrix = cropped(resizing(side, full, curve, reach), kept).float()
            # Not kept with the weights: they follow from the description beside them.
            self.register_buffer(name, matrix, persistent=False)
        factor, mean, std = wanted.scale * 255, torch.tensor(wanted.mean), torch.tensor(wanted.std)
        self.register_buffer("factor", (factor / std)[:, None, None], persistent=False)
        self.register_buffer("offset", (mean / std)[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return what the backbone sees of (n, 3, h, w) pixels in [0, 1]."""
        if self.moves:
            moved = self.get_buffer("rows") @ pixels @ self.get_buffer("columns").T
            pixels = moved.clamp(0, 1)
        return pixels * self.get_buffer("factor") - self.get_buffer("offset")


def resizing(side: int, target: int, curve: Curve, reach: float) -> Tensor:
    """Return the (target, side) float64 weights by which Pillow resizes one dimension, averaging when made smaller."""
    if side == target:
        return torch.eye(side, dtype=torch.float64)
    scale = side / target
    middle = (torch.arange(target, dtype=torch.float64) + 0.5) * scale
    if not reach:
        return nn.functional.one_hot(middle.floor().long(), side).double()
    stretch = max(scale, 1.0)
    away = (torch.arange(side, dtype=torch.float64)[None] + 0.5 - middle[:, None]) / stretch
    weights = torch.where(away.abs() < reach, curve(away), torch.zeros_like(away))
    return weights / weights.sum(dim=1, keepdim=True)


def cropped(matrix: Tensor, kept: int) -> Tensor:
    """Return the `kept` rows in the middle of a matrix; what lies outside of the picture is black."""
    full = len(matrix)
    if kept <= full:
        first = (full - kept) // 2
        return matrix[first : first + kept]
    above = math.ceil((kept - full) / 2)
    return nn.functional.pad(matrix, (0, 0, above, kept - full - above))


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp_min(0)


def _cubic(x: Tensor) -> Tensor:
    x = x.abs()
    return torch.where(x < 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)


def _lanczos(x: Tensor) -> Tensor:
    return torch.sinc(x) * torch.sinc(x / 3)


_CURVES: dict[int, tuple[Curve, float]] = {
    0: (_triangle, 0.0),
    1: (_lanczos, 3.0),
    2: (_triangle, 1.0),
    3: (_cubic, 2.0),
}
"""Pillow's filters by number, nearest, Lanczos, bilinear and bicubic, and how far each reaches in pixels."""
