"""The reference study's attack: noise that descends cross-entropy towards a target plus a price on its own size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evenhand.attacks.base import Attack
from evenhand.attacks.batch import Batch
from evenhand.attacks.gradient import positive
from evenhand.attacks.norms import column, measure
from evenhand.attacks.result import AttackResult
from evenhand.attacks.session import run
from evenhand.attacks.threat import Threat
from evenhand.attacks.victim import Look, Victim
from evenhand.errors import UsageError, suggest
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Floats, Ints
from evenhand.training.optimisers import OPTIMISERS
from evenhand.training.recipe import Recipe

STARTS = ("zeros", "white", "gaussian")
SOLVERS = ("subgradient", "proximal")
LONGEST = 1e6
"""Of a step of the proximal solver: where nothing moves, it would otherwise grow until float32 has no number for it."""
PRICES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""A path from noise that costs next to nothing to noise that rarely pays."""


@dataclass(frozen=True)
class OptimisedNoise(Attack):
    """Minimise ``CE(model(image + noise), target) + c * ||noise||_1`` over the noise (reference study, section 6.1).

    Parameters
    ----------
    c : float
        Price of noise, pixel values lying in [0, 1]. In the study's [-1, 1] the same price is half as much.
    start : str
        zeros, white (all values up by `size`) or gaussian (of that standard deviation).
    size : float
        Of the noise at the start; half the range of pixel values is one unit of the study's.
    solver : str
        subgradient: the study's steps, with the sign of the noise as the slope of its size, by an optimiser of the
        training loop. proximal: a step along the slope of cross-entropy, then all values moved towards zero by what
        they cost (iterative soft-thresholding, Beck and Teboulle 2009), as long as the objective falls.
    optimiser : str
        sgd or adamw, for the subgradient solver.
    rate, momentum : float
        Of that optimiser.
    steps : int
    """

    c: float = 0.01
    start: str = "zeros"
    size: float = 0.5
    solver: str = "proximal"
    optimiser: str = "sgd"
    rate: float = 0.01
    momentum: float = 0.9
    steps: int = 200
    policy = "last"
    norms = ("l1",)
    aimed = "always"

    def __post_init__(self) -> None:
        """Refuse words and numbers that cannot be meant."""
        for kind, word, known in (
            ("start", self.start, STARTS),
            ("solver", self.solver, SOLVERS),
            ("optimiser", self.optimiser, OPTIMISERS),
        ):
            if word not in known:
                raise UsageError(f"There is no {kind} {word!r}. {suggest(word, known)}")
        positive(self, "size", "rate", "steps")
        if self.c < 0 or not 0 <= self.momentum < 1:
            raise UsageError("c must be at least 0, and momentum at least 0 and below 1.")

    @property
    def looks(self) -> int:
        """One more than the steps."""
        return self.steps + 1

    def climb(self, logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
        """Return (n,) the logarithm of the target's probability: the cross-entropy, downside up."""
        del labels
        assert targets is not None  # noqa: S101 - the attack is always aimed
        return -functional.cross_entropy(logits, targets, reduction="none")

    def begin(self, batch: Batch) -> Tensor:
        """Return the images with the noise of the start."""
        batch.state.setdefault("c", torch.full_like(batch.best, self.c))
        if self.start == "zeros":
            noise = torch.zeros_like(batch.images)
        elif self.start == "white":
            noise = torch.full_like(batch.images, self.size)
        else:
            noise = self.size * batch.normal("noise")
        return batch.images + noise

    def move(self, batch: Batch, look: Look, number: int) -> Tensor:
        """Return the points one step further down."""
        if self.solver == "subgradient":
            return self._subgradient_step(batch, look, number)
        self._judge(batch, look, number)
        return self._shrunk_step(batch)

    def settle(self, batch: Batch, look: Look) -> Tensor:
        """Return the last points; of the proximal solver the last that were accepted."""
        if self.solver == "subgradient":
            return batch.point
        self._judge(batch, look, self.steps)
        return batch.images + batch.state["noise"]

    def _subgradient_step(self, batch: Batch, look: Look, number: int) -> Tensor:
        assert look.gradient is not None  # noqa: S101 - always asked for
        if number == 0:
            beginning = (batch.point - batch.images).contiguous()
            recipe = Recipe(optimiser=self.optimiser, momentum=self.momentum, weight_decay=0.0, schedule="constant")
            batch.tools |= {"noise": beginning, "step": OPTIMISERS[self.optimiser]([beginning], recipe)}
        noise: Tensor = batch.tools["noise"]
        noise.copy_(batch.point - batch.images)
        slope = column(batch.state["c"], noise) * noise.sign() - look.gradient
        with torch.no_grad():
            batch.tools["step"]([slope.contiguous()], self.rate)
        return batch.images + noise

    def _judge(self, batch: Batch, look: Look, number: int) -> None:
        """Accept the points where the objective fell as it must for a step of this length; elsewhere halve the step."""
        state = batch.state
        noise, value = batch.point - batch.images, -look.loss
        slope = torch.zeros_like(noise) if look.gradient is None else -look.gradient
        if number == 0:
            state["length"] = torch.ones_like(value)
            fell = torch.ones_like(batch.done)
            state["noise"], state["value"], state["slope"] = noise, value, slope
        else:
            moved = noise - state["noise"]
            foreseen = (state["slope"] * moved).flatten(1).sum(dim=1)
            curved = measure(moved, "l2") ** 2 / state["length"]
            fell = value <= state["value"] + foreseen + curved / 2
            if look.gradient is not None:
                # Near the optimum float32 no longer sees the objective fall, but it sees the slope turn.
                unseen = (value - state["value"]).abs() <= 1e-5 * state["value"].abs().clamp_min(1e-3)
                turned = ((slope - state["slope"]) * moved).flatten(1).sum(dim=1)
                fell = torch.where(unseen, turned <= curved, fell)
            state["length"] = torch.where(fell, state["length"] * 1.5, state["length"] / 2).clamp_max(LONGEST)
        for name, new in (("noise", noise), ("slope", slope)):
            state[name] = torch.where(column(fell, new), new, state[name])
        state["value"] = torch.where(fell, value, state["value"])

    def _shrunk_step(self, batch: Batch) -> Tensor:
        """Return the proximal step: along the slope, towards zero by the price, and into the range of pixel values."""
        state = batch.state
        length = column(state["length"], batch.images)
        noise = state["noise"] - length * state["slope"]
        price = length * column(state["c"], batch.images)
        return batch.images + noise.sign() * (noise.abs() - price).clamp_min(0)


@dataclass(frozen=True)
class NoisePath:
    """What noise achieves at each price: the trade-off between fooling the model and fooling the eye.

    Rows are prices, columns the images attempted; `images` says which these are.
    """

    prices: Floats
    images: Ints
    fooled: np.ndarray
    """(m, n) bool."""
    l1: Floats
    """(m, n) sum of the noise's absolute values."""
    largest: Floats
    """(m, n) largest absolute value of the noise."""
    changed: Ints
    """(m, n) values that differ by at least half a level of 255, so that an 8-bit file shows it."""
    loss: Floats
    """(m, n) cross-entropy towards the target."""
    first: Ints
    """(m, n) the step at which the model was first fooled; -1 never."""
    result: AttackResult
    """Row ``price * number of images + image`` of the whole batch."""

    def table(self) -> list[dict[str, float | int]]:
        """Return one row a price: share fooled, and the means of noise size, values changed, and loss."""
        return [
            {
                "c": float(price),
                "images": len(self.images),
                "fooled": float(self.fooled[row].mean()),
                "l1": float(self.l1[row].mean()),
                "largest": float(self.largest[row].mean()),
                "changed": float(self.changed[row].mean()),
                "loss": float(self.loss[row].mean()),
            }
            for row, price in enumerate(self.prices)
        ]


def noise_path(
    victim: Victim,
    images: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    prices: Sequence[float] = PRICES,
    attack: OptimisedNoise | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> NoisePath:
    """Return what optimised noise achieves over a path of prices; all images and prices are one batch.

    Parameters
    ----------
    victim : Victim
    images : (n, channels, height, width) float32 tensor in [0, 1]
    labels, targets : (n,) int64 tensor
        Images already called the target are left out.
    prices : sequence of float
        The values of c.
    attack : OptimisedNoise, optional
        Everything else; its own c is not used.
    seed : int
    progress : Progress

    Raises
    ------
    UsageError
        When there is no price, or one is negative.
    """
    if not prices or min(prices) < 0:
        raise UsageError("A path needs prices of at least 0.")
    m, n = len(prices), len(images)
    result = run(
        victim,
        images.repeat(m, 1, 1, 1),
        labels.repeat(m),
        replace(attack or OptimisedNoise(), c=float(prices[0])),
        Threat("l1", None),
        targets=targets.repeat(m),
        given={"c": torch.tensor(prices, dtype=torch.float32).repeat_interleave(n)},
        seed=seed,
        name="optimised-noise",
        progress=progress,
    )
    kept = result.attempted[:n]
    noise = np.abs(result.adversarial - images.repeat(m, 1, 1, 1).cpu().numpy()).reshape(m, n, -1)[:, kept]
    logits = torch.from_numpy(result.logits)
    loss = functional.cross_entropy(logits, targets.repeat(m).cpu(), reduction="none").numpy()

    def grid(values: np.ndarray) -> np.ndarray:
        return values.reshape(m, n)[:, kept]

    return NoisePath(
        prices=np.asarray(prices, dtype=np.float32),
        images=np.flatnonzero(kept),
        fooled=grid(result.fooled),
        l1=noise.sum(axis=2),
        largest=noise.max(axis=2),
        changed=(noise >= 0.5 / 255).sum(axis=2),
        loss=grid(loss),
        first=grid(np.where(result.first > 0, result.first - 1, -1)),
        result=result,
    )
