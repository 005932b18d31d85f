"""What an attack supplies: mathematics. Where to begin, what to climb, how to move; `session` does all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from evenhand.attacks.batch import Batch
from evenhand.attacks.losses import LOSSES
from evenhand.attacks.victim import Look


@dataclass(frozen=True)
class Attack:
    """The mathematics of one attack. Subclasses are frozen dataclasses whose fields are the attack's parameters.

    Attacks keep no notes of their own: what is to be remembered of an image lies in ``batch.state``, a row an image, so
    that images can leave.
    """

    policy: ClassVar[Literal["budget", "first", "smallest", "last"]] = "budget"
    """budget: stay within eps, end at the first success. first: the same without eps, as small as it comes. smallest:
    go on and keep the smallest noise that succeeds. last: go on and take where it ends."""
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    gradient: ClassVar[bool] = True
    """Whether it needs the gradient of what it climbs."""
    queries: ClassVar[bool] = False
    """Whether it works without any gradient, by asking alone."""
    aimed: ClassVar[Literal["either", "never", "always"]] = "either"
    """Whether it can be, or must be, aimed at a target."""
    memoryless: ClassVar[bool] = False
    """Whether a point alone decides where it moves: one that does not move never will."""

    @property
    def least_classes(self) -> int:
        """The fewest classes it works with."""
        return 2

    @property
    def looks(self) -> int:
        """How many times the model is asked about a point in one pass, the last time only whether it succeeded."""
        raise NotImplementedError

    @property
    def passes(self) -> int:
        """How many times images that were not fooled begin anew."""
        return 1

    def begin(self, batch: Batch) -> Tensor:
        """Return where the images begin; may leave notes in ``batch.state``."""
        return batch.images

    def climb(self, logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
        """Return (n,) what is climbed, larger the nearer to success; takes what the losses take."""
        return LOSSES["margin"](logits, labels, targets)

    def aims(self, batch: Batch) -> Tensor | None:
        """Return the (n, m) classes of which the gradients of the logits are needed; None: of none."""
        del batch
        return None

    def settle(self, batch: Batch, look: Look) -> Tensor:
        """Return where the images end, after the last look (policy last)."""
        del look
        return batch.point

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the next points, which are then brought back inside; `number` counts the moves of a pass from 0."""
        raise NotImplementedError
