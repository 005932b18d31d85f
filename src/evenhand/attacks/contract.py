"""What every attack promises, as one public check that new attacks are tested with."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evenhand.attacks.attacking import attack
from evenhand.attacks.base import Attack
from evenhand.attacks.catalogue import ATTACKS, Entry, build_attack
from evenhand.attacks.norms import measure
from evenhand.attacks.result import AttackResult
from evenhand.attacks.threat import NORMS
from evenhand.attacks.victim import Victim
from evenhand.errors import ModelFileError

BUDGETS = {"linf": 0.05, "l2": 0.8, "l1": 8.0, "l0": 20.0}
"""Budgets of the check, in images of 8x8 pixels."""
CASES = ((3, 3), (3, 2), (1, 4))
"""Channels and classes of the networks that an attack is tried on."""
_N = 7


class ContractError(AssertionError):
    """An attack breaks a promise that the session and the report rely on."""


def check_attack(text: str, catalogue: Mapping[str, Entry] = ATTACKS) -> None:
    """Do nothing when an attack keeps the contract, in every norm it works in, aimed and not.

    It is a frozen value; its images stay within the budget and the range of pixel values; what it calls fooled the
    model itself gets wrong; images that were wrong to begin with are left alone. The same words give the same noise;
    neither the images beside one nor their order matter, nor a number added to all logits, nor where the normalisation
    stands. Network and random state are left as they were, also when the model fails half-way. Query attacks need no
    gradient.

    Parameters
    ----------
    text : str
        An attack as `build_attack` reads it.
    catalogue : mapping of str to Entry
        Where the name is looked up.

    Raises
    ------
    ContractError
        When a promise is broken; the message says which, by whom and where.
    UsageError
        When the text itself is wrong.
    """
    built = build_attack(text, catalogue)
    _require(is_dataclass(built) and built.__dataclass_params__.frozen, text, "is not a frozen dataclass")  # type: ignore[attr-defined]
    for part in fields(built):
        _require(isinstance(part.default, int | float | str), text, f"its parameter {part.name} has no plain default")
    _require(bool(built.norms) and set(built.norms) <= set(NORMS), text, f"works in unknown norms {built.norms}")
    for norm in built.norms:
        for channels, classes in (case for case in CASES if case[1] >= built.least_classes):
            for aimed in (False, True):
                # Aimed at one of two classes it is the same attack again.
                if built.aimed != ("always", "never")[aimed] and not (aimed and classes == 2):
                    case = _Case(text, built, norm, channels, classes, aimed)
                    result = case.result()
                    for check in _CHECKS:
                        check(case, result)


@dataclass(frozen=True)
class _Case:
    """An attack on one small network."""

    text: str
    attack: Attack
    norm: str
    channels: int
    classes: int
    aimed: bool

    @property
    def images(self) -> Tensor:
        dice = np.random.default_rng([self.channels, self.classes])
        levels = dice.integers(0, 256, (_N, self.channels, 8, 8))
        return torch.from_numpy(levels.astype(np.float32)) * (1 / 255)

    @property
    def labels(self) -> Tensor:
        with torch.no_grad():
            called: Tensor = self.network().eval()(self.images).argmax(dim=1)
        # The last image is filed under another class than the network sees.
        called[-1] = (called[-1] + 1) % self.classes
        return called

    @property
    def eps(self) -> float | None:
        return BUDGETS[self.norm] if self.attack.policy == "budget" else None

    def network(self) -> nn.Module:
        """Return the same network each time, in training mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.classes)
            network = nn.Sequential(
                nn.Conv2d(self.channels, 6, 3, padding=1),
                nn.BatchNorm2d(6),
                nn.Softplus(),
                nn.AvgPool2d(2),
                nn.Dropout(0.5),
                nn.Flatten(),
                nn.Linear(96, self.classes),
            )
            for parameter in network[6].parameters():
                nn.init.normal_(parameter, std=0.5)
        return network.train()

    def result(self, model: Any = None, rows: list[int] | None = None) -> AttackResult:
        try:
            return self.attempt(model, rows)
        except Exception as error:
            self.require(False, f"fails with {type(error).__name__}: {error}")
            raise

    def attempt(self, model: Any = None, rows: list[int] | None = None) -> AttackResult:
        rows = list(range(_N)) if rows is None else rows
        labels = self.labels
        return attack(
            self.network() if model is None else model,
            self.images[rows],
            labels[rows],
            self.attack,
            norm=self.norm,
            eps=self.eps,
            target=((labels + 1) % self.classes)[rows] if self.aimed else None,
            seed=3,
        )

    def require(self, holds: object, what: str) -> None:
        where = f"{self.norm}, {self.channels} channels, {self.classes} classes{', aimed' if self.aimed else ''}"
        _require(bool(holds), f"{self.text} in {where}", what)


def _require(holds: bool, who: str, what: str) -> None:
    if not holds:
        raise ContractError(f"{who}: {what}")


def _bounds(case: _Case, result: AttackResult) -> None:
    found = torch.from_numpy(result.adversarial)
    case.require(bool(torch.isfinite(found).all()), "an image holds values that are no finite numbers")
    case.require(found.min() >= 0 and found.max() <= 1, "an image leaves the range of pixel values")
    noise = measure(found - case.images, case.norm)
    if case.eps is not None:
        case.require((noise <= case.eps * (1 + 1e-5) + 1e-6).all(), "an image breaks the budget")
    case.require(
        np.allclose(noise.numpy(), result.noise, rtol=1e-4, atol=1e-5), "the noise is not what it is said to be"
    )


def _verdict(case: _Case, result: AttackResult) -> None:
    with torch.no_grad():
        called = case.network().eval()(torch.from_numpy(result.adversarial)).argmax(dim=1).numpy()
    lost = called == result.targets if case.aimed else called != result.labels
    case.require((lost[result.fooled]).all(), "an image is called fooled, and the model is not")
    case.require((~result.attempted | result.fooled | ~np.isfinite(result.size)).all(), "a failure has a finite size")


def _alone(case: _Case, result: AttackResult) -> None:
    untouched = ~result.attempted
    same = np.abs(result.adversarial - case.images.numpy())[untouched]
    case.require((same == 0).all(), "an image that was not to be attacked is changed")
    case.require(case.aimed or untouched[-1], "an image that was wrong to begin with is attacked")


def _again(case: _Case, result: AttackResult) -> None:
    twice = case.result()
    case.require((twice.adversarial == result.adversarial).all(), "the same words give another noise")
    order = [5, 2, 0, 6, 1, 4, 3]
    case.require(_alike(case, result, case.result(rows=order), order), "the order of the images matters")
    some = [4, 1]
    case.require(_alike(case, result, case.result(rows=some), some), "the images beside an image matter")


def _alike(case: _Case, whole: AttackResult, part: AttackResult, rows: list[int] | None = None) -> bool:
    """Return whether some rows came out the same, up to what float32 makes of another batch.

    Its last digits decide signs of slopes that are next to zero, so that a noise now and then takes another way.
    """
    rows = list(range(_N)) if rows is None else rows
    images = case.images[rows].numpy()
    same = bool((whole.fooled[rows] == part.fooled).all())
    first, second = (np.where(np.isfinite(size), size, -1) for size in (whole.size[rows], part.size))
    apart = np.sqrt(((whole.adversarial[rows] - part.adversarial) ** 2).sum(axis=(1, 2, 3)))
    sizes = np.sqrt(((part.adversarial - images) ** 2).sum(axis=(1, 2, 3)))
    alike = bool((apart <= 0.05 * sizes + 1e-4).mean() >= 0.5)
    return same and alike and np.allclose(first, second, rtol=0.02, atol=1e-4)


class _Changed(nn.Module):
    """The same network behind something that must not matter."""

    def __init__(self, network: nn.Module, offset: float = 0.0, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.network, self.offset, self.mean, self.std = network, offset, mean, std

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images - self.mean) / self.std) + self.offset
        return logits


def _invariant(case: _Case, result: AttackResult) -> None:
    shifted = case.result(_Changed(case.network(), offset=3.0))
    case.require(_alike(case, result, shifted), "a number added to all logits matters")
    outside = Victim(_Changed(case.network(), mean=-0.0625, std=0.5), mean=0.125, std=2.0)
    case.require(_alike(case, result, case.result(outside)), "where the normalisation stands matters")


def _undisturbed(case: _Case, result: AttackResult) -> None:
    del result
    network = case.network()
    parameter = next(network.parameters())
    parameter.requires_grad_(False)
    gradient = torch.ones_like(network[6].weight)  # type: ignore[index]
    network[6].weight.grad = gradient  # type: ignore[index]
    network[4].eval()  # type: ignore[index]
    for fails in (False, True):
        with _watched(case, network):
            if fails:
                _fail_half_way(case, network)
            else:
                case.result(network)
        case.require(network[6].weight.grad is gradient, "a gradient of the network is changed")  # type: ignore[index]


@contextmanager
def _watched(case: _Case, network: nn.Module) -> Iterator[None]:
    """Require that nothing of a network or of the random state is different afterwards."""

    def look() -> tuple[Any, ...]:
        state = {name: value.clone() for name, value in network.state_dict().items()}
        modes = [module.training for module in network.modules()]
        return state, modes, [parameter.requires_grad for parameter in network.parameters()]

    def dice() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())

    before, thrown = look(), dice()
    yield
    after = look()
    case.require(all(torch.equal(before[0][key], after[0][key]) for key in before[0]), "the network's state is changed")
    case.require(before[1:] == after[1:], "the network's modes or flags are changed")
    case.require(thrown == dice(), "the global random state is changed")


def _fail_half_way(case: _Case, network: nn.Module) -> None:
    calls = 0

    def sabotage(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        nonlocal calls
        del module, inputs
        calls += 1
        return output * torch.nan if calls > 5 else output

    handle = network.register_forward_hook(sabotage)
    try:
        case.attempt(network)
    except ModelFileError:
        return
    finally:
        handle.remove()
    case.require(False, "logits that are no numbers are not an error")


def _queries(case: _Case, result: AttackResult) -> None:
    if not case.attack.queries:
        return
    network = case.network().eval()

    def ask(images: Any) -> Any:
        with torch.no_grad():
            return network(torch.from_numpy(images)).numpy()

    case.require(_alike(case, result, case.result(ask)), "without gradients it does something else")


_CHECKS = (_bounds, _verdict, _alone, _again, _invariant, _undisturbed, _queries)
