"""Pictures of explanations: the image as the model sees it, and beside it what speaks for the answer and against."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evenhand.disk import unwritable
from evenhand.records.values import Pixels

FOR, AGAINST = (29, 92, 150), (214, 94, 0)
"""Blue and orange, which people of all kinds of colour vision can tell apart."""
SIDE = 256
"""The longer side of each half is at least so many pixels."""
_GAP = 8


def draw(pixels: Pixels, contributions: NDArray[np.float64]) -> Image.Image:
    """Return the image beside its greyed copy, on which blue speaks for the answer and orange against it.

    The strongest parts have the fullest colour; pictures can therefore not be compared with each other.

    Parameters
    ----------
    pixels : (h, w, 3) uint8
    contributions : (h, w) float64
        Positive where the picture speaks for the answer.
    """
    height, width = contributions.shape
    times = max(1, -(-SIDE // max(height, width)))
    size = (width * times, height * times)
    strength = np.abs(contributions)
    # One pixel in a hundred may be stronger than the fullest colour, or a single one would leave the others pale.
    strongest = float(np.quantile(strength, 0.99)) or float(strength.max(initial=0)) or 1.0
    share = np.minimum(strength / strongest, 1)
    grey = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float64)[..., None] * 0.5 + 110
    colour = np.where(contributions[..., None] >= 0, np.array(FOR), np.array(AGAINST))
    mixed = grey + 0.85 * share[..., None] * (colour - grey)
    panel = Image.new("RGB", (2 * size[0] + _GAP, size[1]), "white")
    panel.paste(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST), (0, 0))
    overlay = Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))
    panel.paste(overlay.resize(size, Image.Resampling.NEAREST), (size[0] + _GAP, 0))
    return panel


def keep(panel: Image.Image, folder: Path, number: int, name: str) -> Path:
    """Save a picture under a name made of its number and of the name of what it explains; return its place.

    Raises
    ------
    EvenhandError
        When the folder cannot be written.
    """
    stem = re.sub(r"[^\w.-]+", "_", Path(name).stem)[:60] or "picture"
    place = folder / f"{number:06d}-{stem}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        panel.save(place)
    except OSError as error:
        raise unwritable(place, error) from error
    return place
