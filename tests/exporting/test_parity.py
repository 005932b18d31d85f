from typing import Any

import numpy as np
import pytest

from evenhand.data.readers.source import FileImage
from evenhand.errors import ExportError
from evenhand.exporting.held_out import HeldOut
from evenhand.exporting.parity import TOLERANCE, compared, require

IMAGES = HeldOut(("a.png", "b.png", "c.png"), np.array([0, 1, 1]), (FileImage("x"),) * 3, "test", ())  # type: ignore[arg-type]
PLACES = np.arange(3)
PRODUCT = np.array([[0.7, 0.3], [0.4, 0.6], [0.1, 0.9]], dtype=np.float32)


def after(change: float, row: int = 2) -> np.ndarray:
    found = PRODUCT.copy()
    found[row] += np.array([change, -change], dtype=np.float32)
    return found


def test_rounding_is_let_through() -> None:
    found = compared(PRODUCT, PLACES, after(0.5 * TOLERANCE), PLACES, IMAGES)
    require(found)
    assert (found.n, found.other_class, found.worst) == (3, 0, "c.png")
    assert found.largest == pytest.approx(0.5 * TOLERANCE, rel=0.01)
    assert "all 3 test images" in found.sentence()


@pytest.mark.parametrize(
    ("exported", "words"),
    [
        (after(2 * TOLERANCE), r"calls 0 differently.*differs by 2\.00e-04.*worst at c\.png"),
        (after(0.2, 1), r"calls 1 differently.*worst at b\.png"),
        (np.full_like(PRODUCT, np.nan), "differs by inf"),
    ],
)
def test_anything_else_is_refused_with_exit_code_5(exported: Any, words: str) -> None:
    with pytest.raises(ExportError, match=words) as told:
        require(compared(PRODUCT, PLACES, exported, PLACES, IMAGES))
    assert told.value.exit_code == 5


def test_another_class_counts_more_than_a_larger_difference() -> None:
    exported = after(0.3, 2)
    exported[1] = [0.51, 0.49]
    assert compared(PRODUCT, PLACES, exported, PLACES, IMAGES).worst == "b.png"


def test_other_images_or_classes_cannot_be_compared() -> None:
    with pytest.raises(ExportError, match="read 2 images"):
        compared(PRODUCT, PLACES, PRODUCT[:2], PLACES[:2], IMAGES)
    with pytest.raises(ExportError, match="named 1 classes"):
        compared(PRODUCT, PLACES, PRODUCT[:, :1], PLACES, IMAGES)
