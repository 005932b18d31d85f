"""A remedy as the catalogue lists it: a function to a plan, what it does, where it comes from, and its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from evenhand.errors import UsageError, suggest
from evenhand.remedies.plan import Plan

Value = int | float | str
Field = Literal[
    "synthesis",
    "draw",
    "augmentation",
    "mixing",
    "perturbation",
    "loss",
    "loss.class_weights",
    "loss.logit_offsets",
    "loss.margins",
    "loss.focal",
    "head",
    "stages",
    "refit",
    "post",
]
TUNED = "tuned"
"""Written as the value of a parameter that is to be chosen on out-of-fold predictions."""


@dataclass(frozen=True)
class Parameter:
    """One setting of a remedy: a whole number, a number, or one of several words, as its default is.

    Parameters
    ----------
    default : int, float or str
        Used where the user says nothing.
    meaning : str
        What it is, in a few plain words.
    low, high : float
        Smallest and largest value allowed, for numbers.
    choices : tuple of str
        Words allowed, for words.
    grid : tuple of float
        Values among which ``tuned`` chooses on out-of-fold predictions; without any, it cannot be asked for.
    """

    default: Value
    meaning: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    grid: tuple[float, ...] = ()

    @property
    def range(self) -> str:
        """The allowed values as people read them: ``0 to 2``, ``0 to 2, or tuned``, or ``horizontal, none``."""
        numbers = f"{self.low:g} to {self.high:g}" + (f", or {TUNED}" if self.grid else "")
        return ", ".join(self.choices) if self.choices else numbers

    def read(self, text: str, name: str) -> Value:
        """Return the value that `text` stands for.

        Parameters
        ----------
        text : str
            What the user wrote after the equals sign.
        name : str
            How to call the setting in an error, for example ``sampler:q``.

        Raises
        ------
        UsageError
            When the value is of the wrong kind or out of range.
        """
        if self.choices:
            if text not in self.choices:
                raise UsageError(f"{name} cannot be {text!r}. {suggest(text, self.choices)}")
            return text
        if self.grid and text == TUNED:
            return text
        kind = type(self.default)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high or (kind is int and value != int(value)):
            article = "a whole number" if kind is int else "a number"
            tuned = f", or {TUNED}" if self.grid else ""
            raise UsageError(f"{name} must be {article} from {self.low:g} to {self.high:g}{tuned}, not {text!r}.")
        # Adding zero turns -0.0 into 0.0: the same value must have one spelling.
        return int(value) if kind is int else value + 0.0


@dataclass(frozen=True)
class Remedy:
    """One way to deal with imbalance.

    Parameters
    ----------
    function : callable
        From (K,) float64 class counts and the parameters by name to a Plan; pure, and free of torch.
    description : str
        What it does, in one plain line.
    source : str
        Where the method is from.
    sets : str, tuple of str or None
        The fields of the Plan that it sets, and which part of the loss, as ``loss.focal``; None for the plain loop. The
        first one decides when it has its turn among others.
    corrects_prior : bool
        Whether it makes up for the class counts; only one such remedy may act at a time.
    parameters : dict of str to Parameter
        Its settings by name.
    scale_free : bool
        Whether its weights and offsets depend on the class shares alone, not on the size of the data set.
    trunk : str or None
        For a remedy with a second training: the remedy whose training is its first. Parameters of the same name go
        along, so that both share what was trained.
    """

    function: Callable[..., Plan]
    description: str
    source: str
    sets: Field | tuple[Field, ...] | None
    corrects_prior: bool = False
    parameters: dict[str, Parameter] = field(default_factory=dict)
    scale_free: bool = True
    trunk: str | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The fields of the Plan that it sets, in any case as a tuple."""
        return self.sets if isinstance(self.sets, tuple) else (self.sets,) if self.sets else ()
