"""What an attacker may do: by how much an image may change, and how that is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evenhand.errors import UsageError, suggest

NORMS = ("linf", "l2", "l1", "l0")
PIXEL_RANGE = (0.0, 1.0)
NO_BOX = (-math.inf, math.inf)


@dataclass(frozen=True)
class Threat:
    """A norm, a budget in it, and the range of pixel values that images must keep.

    Parameters
    ----------
    norm : str
        linf, l2, l1, or l0: the number of values (pixels times channels) that differ.
    eps : float, optional
        The largest norm allowed, pixel values lying in [0, 1]. None: no limit, the smallest noise is looked for.
    bounds : tuple of float
        Pixel values stay inside; `NO_BOX` lets them go anywhere.

    Raises
    ------
    UsageError
        When the norm is unknown or the budget cannot be meant.
    """

    norm: str = "linf"
    eps: float | None = 8 / 255
    bounds: tuple[float, float] = PIXEL_RANGE

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.norm not in NORMS:
            raise UsageError(f"There is no norm {self.norm!r}. {suggest(self.norm, NORMS)}")
        if self.eps is None:
            return
        if not (math.isfinite(self.eps) and self.eps >= 0):
            raise UsageError(f"--eps must be a number of at least 0, not {self.eps}.")
        if self.norm == "linf" and self.bounds == PIXEL_RANGE and self.eps > 1:
            raise UsageError(
                f"An --eps of {self.eps:g} in linf is more than black and white are apart: pixel values lie in 0 to 1. "
                f"For {self.eps:g} grey values of 255 say {self.eps:g}/255."
            )
        if self.norm == "l0" and self.eps != round(self.eps):
            raise UsageError(f"An --eps in l0 is a number of values that may change, not {self.eps}.")

    @property
    def boxed(self) -> bool:
        """Whether pixel values have bounds at all."""
        return self.bounds != NO_BOX

    @property
    def allowed(self) -> float:
        """The largest norm that counts as within the budget; float32 cannot keep it to the last digit."""
        return math.inf if self.eps is None else self.eps * (1 + 1e-5) + 1e-6


def read_eps(text: str) -> float:
    """Return the budget that a text such as ``8/255`` or ``0.03`` names.

    Raises
    ------
    UsageError
        When the text is neither a number nor a fraction.
    """
    above, slash, below = text.partition("/")
    try:
        value = float(above) / (float(below) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--eps takes a number or a fraction such as 8/255, not {text!r}.") from None
    return value
