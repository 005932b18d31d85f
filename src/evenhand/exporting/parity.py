"""The gate: an exported model has to say, from raw files, what the product says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evenhand.errors import ExportError
from evenhand.exporting.held_out import HeldOut, raw
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Floats, Ints

TOLERANCE = 1e-4
"""Largest difference of any probability."""
_BATCH = 64


@dataclass(frozen=True)
class Parity:
    """How an exported model and the product compare on the same raw images.

    `other_class` counts images that the two call differently, `largest` is the largest difference of a probability,
    `worst` the image of either.
    """

    n: int
    split: str
    other_class: int
    largest: float
    worst: str

    @property
    def holds(self) -> bool:
        """Whether the export may be used in place of the product."""
        return self.other_class == 0 and self.largest <= TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self) | {"tolerance": TOLERANCE}

    def sentence(self) -> str:
        """Return it in words."""
        return (
            f"Same classes as evenhand on all {self.n} {self.split} images, read from their files; probabilities "
            f"differ by at most {self.largest:.1e} ({TOLERANCE:.0e} is allowed)."
        )


def asked(model: OnnxModel, images: HeldOut, progress: Progress = SILENT) -> tuple[Floats, Ints]:
    """Return (n, K) probabilities of an exported model for all images that can be read, and their places."""
    found: list[Floats] = []
    places: list[int] = []
    with progress.stage("Asking the exported model", len(images)) as tick:
        for first in range(0, len(images), _BATCH):
            part = [raw(locator, model.size) for locator in images.locators[first : first + _BATCH]]
            places += [first + place for place, pixels in enumerate(part) if pixels is not None]
            good = [pixels for pixels in part if pixels is not None]
            if good:
                found.append(model.probabilities(np.stack(good)))
            tick(len(part))
    probabilities = np.concatenate(found) if found else np.zeros((0, len(model.classes)), dtype=np.float32)
    return probabilities, np.array(places, dtype=np.int64)


def compared(product: Floats, places: Ints, exported: Floats, exported_places: Ints, images: HeldOut) -> Parity:
    """Return how two sets of probabilities compare.

    Parameters
    ----------
    product, exported : (n, K) float32
    places, exported_places : (n,) int64
        Which of the images they are of.
    images : HeldOut

    Raises
    ------
    ExportError
        When they are not of the same images, or not of the same classes.
    """
    if not np.array_equal(places, exported_places) or product.shape != exported.shape:
        raise ExportError(
            f"The exported model read {len(exported_places)} images and named {exported.shape[1]} classes, evenhand "
            f"{len(places)} and {product.shape[1]}. The files changed meanwhile? Export again."
        )
    differences = np.abs(product.astype(np.float64) - exported).max(axis=1)
    # What is no number is no agreement.
    differences = np.where(np.isfinite(differences), differences, np.inf)
    other = product.argmax(axis=1) != exported.argmax(axis=1)
    worst = int(np.lexsort((differences, other))[-1])
    return Parity(
        n=len(places),
        split=images.split,
        other_class=int(other.sum()),
        largest=float(differences.max()),
        worst=images.paths[int(places[worst])],
    )


def require(parity: Parity) -> None:
    """Refuse an export that is not the model.

    Raises
    ------
    ExportError
        When a class differs, or a probability by more than `TOLERANCE`.
    """
    if not parity.holds:
        raise ExportError(
            f"The exported model is not the product: of {parity.n} {parity.split} images it calls "
            f"{parity.other_class} differently, and a probability differs by {parity.largest:.2e} ({TOLERANCE:.0e} is "
            f"allowed), worst at {parity.worst}. Nothing was written. Please report this with the versions of torch, "
            "onnx and onnxruntime."
        )
