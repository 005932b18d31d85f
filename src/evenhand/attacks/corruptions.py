"""Fifteen common corruptions at five severities, for images of any size, and how much accuracy they leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evenhand.attacks import corruption_blur as blur
from evenhand.attacks import corruption_noise as noise
from evenhand.attacks.corruption_noise import Picture
from evenhand.attacks.draws import identities
from evenhand.attacks.losses import margin
from evenhand.attacks.result import share
from evenhand.attacks.victim import Victim
from evenhand.errors import UsageError, suggest
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints, Pixels

Corruption = Callable[[Picture, int, np.random.Generator], Picture]
"""From a picture, a severity counted from 0, and dice, to the picture spoilt; values may leave [0, 1]."""

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian-noise": noise.gaussian_noise,
    "shot-noise": noise.shot_noise,
    "impulse-noise": noise.impulse_noise,
    "defocus-blur": blur.defocus_blur,
    "glass-blur": blur.glass_blur,
    "motion-blur": blur.motion_blur,
    "zoom-blur": blur.zoom_blur,
    "snow": blur.snow,
    "frost": blur.frost,
    "fog": blur.fog,
    "brightness": noise.brightness,
    "contrast": noise.contrast,
    "elastic-transform": noise.elastic_transform,
    "pixelate": noise.pixelate,
    "jpeg-compression": noise.jpeg_compression,
}
"""The kinds of Hendrycks and Dietterich (2019, section 4.1), drawn by functions of our own; severities grow with the
side of the images, so figures compare models with each other, not with tables made from other files."""
SEVERITIES = (1, 2, 3, 4, 5)
_CHUNK = 256


def corrupt(pixels: Pixels, name: str, severity: int, *, seed: int = 0, identity: Ints | None = None) -> Pixels:
    """Return the images spoilt in one way: the same images, seed and severity give the same bytes.

    Parameters
    ----------
    pixels : (n, height, width, channels) uint8
        Grey (1 channel) or RGB, of any size.
    name : str
        A key of `CORRUPTIONS`.
    severity : int
        1 to 5.
    seed : int
    identity : (n,) int64, optional
        What the dice of each image depend on beside the seed; by default its content. One image meets the same dice at
        every severity.

    Raises
    ------
    UsageError
        When there is no such corruption or severity, or the pixels are of another kind.
    """
    if name not in CORRUPTIONS:
        raise UsageError(f"There is no corruption {name!r}. {suggest(name, CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise UsageError(f"A severity is 1 to 5, not {severity}.")
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[3] not in (1, 3):
        raise UsageError(
            f"Pixels must be (n, height, width, 1 or 3) in uint8, not {pixels.dtype} of shape {pixels.shape}."
        )
    names = identities(pixels) if identity is None else identity
    spoil, kind = CORRUPTIONS[name], list(CORRUPTIONS).index(name)
    spoilt = np.empty_like(pixels)
    for row, (image, own) in enumerate(zip(pixels, names.tolist(), strict=True)):
        dice = np.random.default_rng([seed, kind, own])
        values = spoil(image.astype(np.float32) / np.float32(255), severity - 1, dice)
        spoilt[row] = np.rint(np.clip(values, 0, 1) * 255)
    return spoilt


@dataclass(frozen=True)
class CorruptionResult:
    """Which images a model still knows, under each corruption."""

    names: tuple[str, ...]
    severities: tuple[int, ...]
    labels: Ints
    clean: NDArray[np.bool_]
    """(n,) whether the model is right about the image as it is."""
    right: NDArray[np.bool_]
    """(corruptions, severities, n) whether it is right about the image spoilt."""

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """(corruptions, severities) share of images still known."""
        shares: NDArray[np.float64] = self.right.mean(axis=2)
        return shares

    @property
    def mean_accuracy(self) -> float:
        """The mean over all corruptions and severities."""
        return float(self.right.mean())

    def table(self) -> list[dict[str, Any]]:
        """Return one row a corruption and severity: accuracy with its 95 % interval."""
        rows = []
        for first, name in enumerate(self.names):
            for second, severity in enumerate(self.severities):
                found = share(int(self.right[first, second].sum()), len(self.labels))
                assert found is not None  # noqa: S101 - there are images
                row = {"corruption": name, "severity": severity, "n": len(self.labels)}
                rows.append(row | {"accuracy": found.value, "low": found.low, "high": found.high})
        return rows

    def per_class(self, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return for each class its number of images, and its accuracy on them clean and over all corruptions."""
        told = {}
        for number, name in enumerate(classes):
            rows = self.labels == number
            counted = int(rows.sum())
            told[name] = {
                "n": counted,
                "clean_accuracy": float(self.clean[rows].mean()) if counted else None,
                "robust_accuracy": float(self.right[:, :, rows].mean()) if counted else None,
            }
        return told


def under_corruption(
    victim: Victim,
    pixels: Pixels,
    labels: Ints,
    *,
    names: Sequence[str] = tuple(CORRUPTIONS),
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    progress: Progress = SILENT,
) -> CorruptionResult:
    """Return what a model still knows of images spoilt in each way; the model is left as it was.

    Parameters
    ----------
    victim : Victim
    pixels : (n, height, width, channels) uint8
    labels : (n,) int64
    names : sequence of str
        Keys of `CORRUPTIONS`.
    severities : sequence of int
        Out of 1 to 5.
    seed : int
    progress : Progress

    Raises
    ------
    UsageError
        When a name or severity is unknown, or there are no images.
    """
    if not len(pixels) or len(pixels) != len(labels):
        raise UsageError(f"There are {len(pixels)} images and {len(labels)} labels.")
    identity = identities(pixels)
    right = np.zeros((len(names), len(severities), len(labels)), dtype=bool)
    with (
        victim.held(_tensor(pixels[:2]), seed),
        progress.stage("Spoiling images", len(names) * len(severities) * len(labels)) as tick,
    ):
        whole = [_called(victim, pixels[start : start + _CHUNK]) for start in range(0, len(labels), _CHUNK)]
        clean = np.concatenate(whole) == labels
        for first, name in enumerate(names):
            for second, severity in enumerate(severities):
                for start in range(0, len(labels), _CHUNK):
                    here = slice(start, start + _CHUNK)
                    spoilt = corrupt(pixels[here], name, severity, seed=seed, identity=identity[here])
                    right[first, second, here] = _called(victim, spoilt) == labels[here]
                    tick(len(spoilt))
    return CorruptionResult(tuple(names), tuple(severities), labels, clean, right)


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() * (1 / 255)


def _called(victim: Victim, pixels: Pixels) -> Ints:
    images = _tensor(pixels).to(victim.device)
    labels = torch.zeros(len(images), dtype=torch.int64, device=victim.device)
    found: Ints = victim.look(images, labels, None, margin).logits.argmax(dim=1).cpu().numpy()
    return found
