"""The attacks by name, and the small language that asks for them: ``pgd``, ``pgd:steps=100,restarts=5``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from evenhand.attacks.base import Attack
from evenhand.attacks.black_box import RandomNoise, Square
from evenhand.attacks.carlini_wagner import CarliniWagner
from evenhand.attacks.deepfool import DeepFool
from evenhand.attacks.gradient import APGD, FGSM, PGD
from evenhand.attacks.minimum_norm import DDN, FMN
from evenhand.attacks.optimised_noise import OptimisedNoise
from evenhand.errors import UsageError, suggest

ENSEMBLE = "standard"
"""Not an attack but several, of which the worst counts image by image; see `ensemble`."""


@dataclass(frozen=True)
class Entry:
    """An attack as the catalogue lists it.

    Parameters
    ----------
    kind : type of Attack
        A frozen dataclass; its fields are the attack's parameters.
    description : str
        What it does, in one sentence.
    source : str
        Where it comes from.
    fixed : mapping
        Parameters that the name decides.
    """

    kind: type[Attack]
    description: str
    source: str
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that can be set, with their defaults."""
        return {part.name: part.default for part in fields(self.kind) if part.name not in self.fixed}

    def build(self, **settings: Any) -> Attack:
        """Return the attack with some parameters set."""
        return self.kind(**{**self.fixed, **settings})


_APGD = "Croce and Hein 2020 (arXiv 2003.01690)"

ATTACKS: dict[str, Entry] = {
    "fgsm": Entry(FGSM, "One step of the whole budget along the sign of the gradient.", "Goodfellow et al. 2015"),
    "pgd": Entry(PGD, "Many small steps along the gradient, from a random place, with restarts.", "Madry et al. 2018"),
    "apgd-ce": Entry(APGD, "Steps with momentum that set their own length; cross-entropy.", _APGD, {"loss": "ce"}),
    "apgd-margin": Entry(
        APGD, "The same on the margin between the label and the best wrong class.", _APGD, {"loss": "margin"}
    ),
    "apgd-dlr": Entry(
        APGD, "The same on the margin over the spread of the logits; four classes or more.", _APGD, {"loss": "dlr"}
    ),
    "fmn": Entry(FMN, "The smallest noise in linf, l2, l1 or l0, by a budget that shrinks.", "Pintor et al. 2021"),
    "ddn": Entry(DDN, "The smallest noise in l2, its direction and its norm decoupled.", "Rony et al. 2019"),
    "deepfool": Entry(
        DeepFool, "Straight to the nearest boundary, as if the model were linear.", "Moosavi-Dezfooli et al. 2016"
    ),
    "cw": Entry(CarliniWagner, "The smallest noise in l2, by descent; slow and thorough.", "Carlini and Wagner 2017"),
    "square": Entry(Square, "Asks only: changes random squares and keeps what helps.", "Andriushchenko et al. 2020"),
    "noise": Entry(RandomNoise, "Random noise; the baseline that every attack must beat.", "none"),
    "optimised-noise": Entry(
        OptimisedNoise,
        "Noise that makes the model say a target, at a price for every grey value.",
        "reference study, section 6.1",
    ),
}


def build_attack(text: str, catalogue: Mapping[str, Entry] = ATTACKS) -> Attack:
    """Return the attack that a text asks for, for example ``pgd:steps=100,restarts=5``.

    Raises
    ------
    UsageError
        When there is no such attack or parameter, or a value is of the wrong kind.
    """
    name, colon, rest = (piece.strip() for piece in text.partition(":"))
    if name not in catalogue:
        raise UsageError(f"There is no attack {name!r}. {suggest(name, [*catalogue, ENSEMBLE])}")
    entry, found = catalogue[name], {}
    for setting in rest.split(",") if colon else ():
        key, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals or not key:
            raise UsageError(f"{setting!r} in {text!r} sets nothing; write {name}:parameter=value.")
        if key not in entry.parameters:
            raise UsageError(f"The attack {name} has no parameter {key!r}. {suggest(key, entry.parameters)}")
        found[key] = _read(value, entry.parameters[key], f"{name}:{key}")
    return entry.build(**found)


def _read(text: str, default: Any, name: str) -> Any:
    """Return the value that a text stands for, of the kind of the default."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise UsageError(f"{name} must be true or false, not {text!r}.")
        return text.lower() == "true"
    if isinstance(default, str):
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (isinstance(default, int) and value != int(value)):
        raise UsageError(f"{name} must be a {'whole ' if isinstance(default, int) else ''}number, not {text!r}.")
    return int(value) if isinstance(default, int) else value
