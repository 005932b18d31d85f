from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.base import Attack
from evenhand.attacks.catalogue import Entry
from evenhand.attacks.contract import ContractError, check_attack
from evenhand.attacks.gradient import FGSM


def check(kind: type[Attack]) -> None:
    check_attack("mine", {"mine": Entry(kind, "Does something.", "nobody")})


def test_a_sound_attack_passes() -> None:
    check(FGSM)


@dataclass(frozen=True)
class Global(FGSM):
    norms = ("linf",)

    def move(self, batch: Any, look: Any, number: int) -> torch.Tensor:
        return batch.point + batch.threat.eps * (2 * torch.rand_like(batch.point) - 1)


@dataclass(frozen=True)
class Neighbours(FGSM):
    norms = ("linf",)

    def move(self, batch: Any, look: Any, number: int) -> torch.Tensor:
        return batch.point + batch.threat.eps * look.gradient.mean(dim=0, keepdim=True).sign()


@dataclass(frozen=True)
class Ordered(FGSM):
    norms = ("linf",)

    def move(self, batch: Any, look: Any, number: int) -> torch.Tensor:
        sign = torch.where(batch.row % 2 == 0, 1.0, -1.0)
        return batch.point + batch.threat.eps * look.gradient.sign() * sign[:, None, None, None]


_calls = []


@dataclass(frozen=True)
class Remembers(FGSM):
    norms = ("linf",)

    def move(self, batch: Any, look: Any, number: int) -> torch.Tensor:
        _calls.append(1)
        return batch.point + batch.threat.eps * look.gradient.sign() / len(_calls)


@dataclass(frozen=True)
class Offset(FGSM):
    norms = ("linf",)

    def climb(self, logits: Any, labels: Any, targets: Any) -> torch.Tensor:
        own = logits.gather(1, labels[:, None])[:, 0]
        return torch.where(own > 1, 1.0, -1.0) * super().climb(logits, labels, targets)


@dataclass(frozen=True)
class Dice(FGSM):
    norms = ("linf",)

    def climb(self, logits: Any, labels: Any, targets: Any) -> torch.Tensor:
        np.random.seed(1)
        return super().climb(logits, labels, targets)


@dataclass(frozen=True)
class NoNumber(FGSM):
    norms = ("linf",)

    def move(self, batch: Any, look: Any, number: int) -> torch.Tensor:
        return batch.point * torch.nan


@dataclass(frozen=True)
class OtherNorm(FGSM):
    norms = ("l3",)


@dataclass(frozen=True)
class NoDefault(FGSM):
    how: Any = None


@dataclass(frozen=True)
class Peeks(FGSM):
    norms = ("linf",)
    queries = True
    gradient = False

    def move(self, batch: Any, look: Any, number: int) -> torch.Tensor:
        # Noise that depends on how large the logits are: not the same answers, not the same noise.
        return batch.point + batch.threat.eps * torch.sin(1e4 * look.logits.sum(dim=1))[:, None, None, None]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Neighbours, "images beside an image matter|order of the images matters"),
        (Ordered, "order of the images matters|images beside"),
        (Remembers, "the same words give another noise"),
        (Offset, "added to all logits"),
        (NoNumber, "no finite numbers"),
        (OtherNorm, "unknown norms"),
        (NoDefault, "no plain default"),
        (Peeks, "matter|something else"),
    ],
)
def test_a_broken_promise_is_named(kind: type[Attack], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check(kind)


def test_global_random_state_is_guarded_by_the_session() -> None:
    """Dice that an attack rolls globally give the same noise again, but not in another batch."""
    with pytest.raises(ContractError, match=r"order of the images matters|images beside"):
        check(Global)
    check(Dice)
