"""What the command `attack` was asked for, refused early where it cannot be meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.attacks.attacking import EVERY
from evenhand.attacks.catalogue import ATTACKS, ENSEMBLE, build_attack
from evenhand.attacks.corruptions import SEVERITIES
from evenhand.attacks.subject import Subject
from evenhand.attacks.threat import Threat
from evenhand.errors import UsageError, suggest

CORRUPTION_NAME = "corruptions"


@dataclass(frozen=True)
class Assault:
    """What `attack` was asked for.

    Parameters
    ----------
    attack : str
        A name of `ATTACKS` with settings, ``standard`` or ``corruptions``.
    norm : str
    eps : float, optional
    target : str, optional
        The name of a class, or "all".
    seed : int
    limit : int, optional
        At most so many images of each class, drawn by the seed.
    examples : int
        Pictures to write.
    lean : bool
        Leave out what takes further attacks: the fragility of classes, and the checks.

    Raises
    ------
    UsageError
        When a word cannot be meant.
    """

    attack: str = "pgd"
    norm: str = "linf"
    eps: float | None = None
    target: str | None = None
    seed: int = 0
    limit: int | None = None
    examples: int = 12
    lean: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, before any image is decoded."""
        name = self.name
        known = [*ATTACKS, ENSEMBLE, CORRUPTION_NAME]
        if name not in known:
            raise UsageError(f"There is no attack {name!r}. {suggest(name, known)}")
        for word, number, least in (("--limit", self.limit, 1), ("--examples", self.examples, 0)):
            if number is not None and number < least:
                raise UsageError(f"{word} must be at least {least}, not {number}.")
        if name == CORRUPTION_NAME:
            if self.target is not None:
                raise UsageError("Corruptions have no target.")
            _ = self.severities
            return
        Threat(self.norm, self.eps)
        if name == ENSEMBLE:
            return
        built = build_attack(self.attack)
        if self.norm not in built.norms:
            raise UsageError(f"The attack {name} works in {', '.join(built.norms)}, not in {self.norm}.")
        if built.policy == "budget" and self.eps is None:
            raise UsageError(f"The attack {name} needs a budget: give --eps, for example --eps 8/255.")
        if built.aimed == "always" and self.target is None:
            raise UsageError(f"The attack {name} must be aimed: give --target CLASS, or --target all.")
        if (built.aimed == "never" or name == ENSEMBLE) and self.target is not None:
            raise UsageError(f"The attack {name} cannot be aimed at a class.")

    def check(self, subject: Subject) -> None:
        """Refuse what cannot work with this model and these classes, before any work is begun.

        Raises
        ------
        UsageError
            When there is no such class, too few of them, or no gradient.
        """
        target_number(self.target, subject.classes)
        if self.name in ATTACKS:
            built = build_attack(self.attack)
            k = len(subject.classes)
            if k < built.least_classes:
                raise UsageError(
                    f"The attack {self.name} needs {built.least_classes} classes, and there are {k}. Use apgd-margin."
                )
            if not (subject.victim.differentiable or built.queries):
                raise UsageError(
                    f"The attack {self.name} needs gradients, and this model can only be asked: use --attack square."
                )

    @property
    def name(self) -> str:
        """The attack's name without its settings."""
        return self.attack.partition(":")[0].strip()

    @property
    def severities(self) -> tuple[int, ...]:
        """The severities of corruptions: all of them, or the one that is set.

        Raises
        ------
        UsageError
            When something else is set, or there is no such severity.
        """
        setting = self.attack.partition(":")[2].strip()
        if not setting:
            return SEVERITIES
        key, _, value = (piece.strip() for piece in setting.partition("="))
        if key != "severity" or value not in map(str, SEVERITIES):
            raise UsageError(f"Corruptions take severity=1 to severity=5, not {setting!r}.")
        return (int(value),)


def target_number(name: str | None, classes: Sequence[str]) -> Any:
    """Return the target as `attack` takes it."""
    if name is None or name == EVERY:
        return name
    if name not in classes:
        raise UsageError(f"There is no class {name!r}. {suggest(name, [*classes, EVERY])}")
    return classes.index(name)
