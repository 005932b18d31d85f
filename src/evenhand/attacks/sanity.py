"""Whether an evaluation of robustness can be believed: checks that any model and any working attack must pass."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evenhand.attacks.attacking import attack
from evenhand.attacks.base import Attack
from evenhand.attacks.black_box import RandomNoise, Square
from evenhand.attacks.gradient import FGSM, PGD
from evenhand.attacks.result import AttackResult
from evenhand.attacks.victim import Victim
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints

NORMS = ("linf", "l2")
"""Norms in which the checks can be made: single steps and queries are at home there."""
MOST = 32
"""Images that the checks are made on, at most."""
STEPS = 20
QUERIES = 50


@dataclass(frozen=True)
class Check:
    """One thing that must hold where attacks work."""

    name: str
    holds: bool | None
    """None: it could not be asked here, and the sentence says why."""
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def sanity(
    victim: Victim,
    images: Tensor,
    labels: Tensor,
    *,
    norm: str,
    eps: float,
    identity: Ints | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Check]:
    """Return the checks of an evaluation within a budget, made with PGD (queries alone: Square) on some images.

    Parameters
    ----------
    victim : Victim
    images : (n, channels, height, width) float32 tensor in [0, 1]
        Of more than `MOST` so many are taken, spread evenly.
    labels : (n,) int64 tensor
    norm : str
        linf or l2; in other norms there are no checks.
    eps : float
        The budget; the checks look at half and twice of it, and far beyond.
    identity, seed, progress
        As `attack` takes them.
    """
    if norm not in NORMS or not len(images) or eps <= 0:
        return []
    rows = np.linspace(0, len(images) - 1, min(MOST, len(images))).round().astype(np.int64)
    some = torch.from_numpy(rows)
    trial = _Trial(
        victim, images[some], labels[some], norm, None if identity is None else identity[rows], seed, progress
    )
    return _checks(trial, eps)


@dataclass(frozen=True)
class _Trial:
    """The images that are asked about again and again."""

    victim: Victim
    images: Tensor
    labels: Tensor
    norm: str
    identity: Ints | None
    seed: int
    progress: Progress

    def run(self, how: Attack, eps: float) -> AttackResult:
        """Return what an attack does within a budget."""
        return attack(
            self.victim,
            self.images,
            self.labels,
            how,
            norm=self.norm,
            eps=eps,
            identity=self.identity,
            seed=self.seed,
            progress=self.progress,
        )

    @property
    def far(self) -> float:
        """A budget that lets every image become any grey one: nothing can be recognised then."""
        return 0.5 if self.norm == "linf" else 0.5 * math.sqrt(self.images[0].numel())


def _checks(trial: _Trial, eps: float) -> list[Check]:
    gradients = trial.victim.differentiable
    strong: Attack = PGD(steps=STEPS) if gradients else Square(steps=QUERIES)
    longer: Attack = PGD(steps=2 * STEPS) if gradients else Square(steps=2 * QUERIES)
    main = trial.run(strong, eps)
    tried = int(main.attempted.sum())
    if not tried:
        return []
    found = [_noise(trial.run(RandomNoise(), eps), main, tried)]
    if gradients:
        found.append(_single(trial.run(FGSM(), eps), main, tried))
    found.append(_monotone([trial.run(strong, eps / 2), main, trial.run(strong, 2 * eps)], tried))
    found.append(_reaches_zero(trial.run(strong, trial.far), tried))
    found.append(_converged(trial.run(longer, eps), main, tried, "steps" if gradients else "queries"))
    if gradients:
        found.append(_queries(trial.run(Square(steps=QUERIES), eps), main, tried))
        found.append(_gradients(main, tried))
    return found


def _few(tried: int) -> int:
    """Return by how many images two attacks may differ by chance."""
    return max(1, round(0.04 * tried))


def _hits(result: AttackResult) -> int:
    return int(result.fooled.sum())


def _noise(noise: AttackResult, main: AttackResult, tried: int) -> Check:
    name = "Random noise is far weaker than an attack"
    weak, strong = _hits(noise), _hits(main)
    told = f"Of {tried} images random noise of the same size fools {weak}, the attack {strong}."
    if not strong:
        return Check(name, None, f"{told} An attack that never succeeds cannot be told from noise.")
    return Check(name, 2 * weak <= strong, told)


def _single(single: AttackResult, main: AttackResult, tried: int) -> Check:
    told = f"One step fools {_hits(single)} of {tried} images, {STEPS} steps {_hits(main)}."
    holds = _hits(main) >= _hits(single) - _few(tried)
    return Check("Many steps are at least as strong as one", holds, told)


def _monotone(results: list[AttackResult], tried: int) -> Check:
    half, one, two = map(_hits, results)
    told = f"Half the budget fools {half}, the budget {one}, twice the budget {two} of {tried} images."
    return Check("A larger budget fools more", half <= one + _few(tried) and one <= two + _few(tried), told)


def _reaches_zero(far: AttackResult, tried: int) -> Check:
    told = f"With noise so large that any image may become plain grey, {_hits(far)} of {tried} images are lost."
    return Check("With enough noise nothing is left", _hits(far) >= tried - _few(tried), told)


def _converged(longer: AttackResult, main: AttackResult, tried: int, what: str) -> Check:
    more = int((longer.fooled & ~main.fooled).sum())
    told = f"Twice as many {what} fool {more} more of {tried} images."
    if what == "queries":
        return Check("More queries change little", more <= max(1, round(0.1 * tried)), told)
    return Check("Twice the steps change nothing", more <= _few(tried), told)


def _queries(asked: AttackResult, main: AttackResult, tried: int) -> Check:
    told = (
        f"By asking alone ({QUERIES} queries) {_hits(asked)} of {tried} images are lost, along the gradient "
        f"{_hits(main)}."
    )
    holds = _hits(asked) <= _hits(main) + _few(tried)
    return Check("Asking alone is no stronger than the gradient", holds, told)


def _gradients(main: AttackResult, tried: int) -> Check:
    blind = int((main.blind & main.attempted & ~main.fooled).sum())
    told = (
        f"The gradient was exactly zero for {blind} of {tried} images, which resisted: that hides weaknesses."
        if blind
        else "No image resisted because its gradient was exactly zero."
    )
    return Check("Gradients do not vanish", not blind, told)
