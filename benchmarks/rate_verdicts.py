"""Verdicts on learning rates, on 40 constructed cases whose answer is known.

python benchmarks/rate_verdicts.py [--scale 0.16] [--epochs 10] [--only quadratics] [--seed 0]

Gradient descent on quadratics is stable below 2 / largest curvature, with momentum b below 2 (1 + b) / largest
curvature, and how far it gets is known in closed form. The reference network is trained on the demo set with the
reference recipe from 1e-10 to 10. Noisy plateaus and losses that are no numbers are drawn. A case is clear where its
answer follows from theory, or is beyond dispute; of the others the likeliest answer is asked for.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from evenhand.auditing.scan import scan
from evenhand.data.demo import make_demo
from evenhand.remedies.catalogue import plan_for
from evenhand.study.rate_verdict import RateVerdict, judge
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.recipe import recipe
from hardware import describe

TARGET = 36
SEED = [0]
"""Of all random draws; ``--seed`` sets it."""


@dataclass(frozen=True)
class Case:
    """A training, the verdict it should get, and whether that is beyond dispute."""

    name: str
    losses: np.ndarray
    wanted: str
    clear: bool = True
    untrained: float | None = None
    chance: float | None = None
    epoch: int | None = None


def descent(
    rate: float,
    curvatures: tuple[float, ...] = (1.0,),
    *,
    steps: int = 400,
    momentum: float = 0.0,
    noise: float = 0.0,
    start: float = 1.0,
) -> np.ndarray:
    """Return the losses of gradient descent on a quadratic, begun at (start, ...); `noise` is that of the gradient."""
    random, bends = np.random.default_rng([*SEED, 0]), np.array(curvatures)
    place, speed = np.full(len(bends), start), np.zeros(len(bends))
    losses = []
    for _ in range(steps):
        losses.append(0.5 * float((bends * place**2).sum()))
        speed = momentum * speed + bends * place + noise * random.normal(size=len(bends))
        place = place - rate * speed
    return np.array(losses)


def quadratics() -> Iterator[Case]:
    """Yield 16 quadratics; the stability limit of each is known."""
    wide = (1.0, 0.3, 0.1)
    yield Case("quadratic, 1e-10 of the limit", descent(2e-10), "too_small")
    yield Case("quadratic, 2e-6 of the limit", descent(4e-6), "too_small")
    yield Case("quadratic, a third of the way", descent(-np.log(1 - 1 / 3) / 800), "slow")
    yield Case("quadratic, a tenth of the way", descent(-np.log(1 - 0.1) / 800), "slow")
    yield Case("quadratic, 0.02 of the limit", descent(0.04), "converges")
    yield Case("quadratic, half of the limit", descent(1.0, wide), "converges")
    yield Case("quadratic, 0.95 of the limit", descent(1.9, wide), "converges")
    yield Case("quadratic, 1.005 of the limit", descent(2.01, wide), "diverges")
    yield Case("quadratic, 1.5 times the limit", descent(3.0, wide), "diverges")
    yield Case("quadratic, 50 times the limit", descent(100.0, wide, steps=60), "diverges")
    yield Case("momentum 0.9, 0.001 of its limit", descent(0.0038, wide, momentum=0.9), "converges")
    yield Case("momentum 0.9, 1.05 of its limit", descent(3.99, wide, momentum=0.9), "diverges")
    yield Case("momentum 0.9, a quarter of its limit", descent(0.95, wide, momentum=0.9), "converges", clear=False)
    yield Case("noisy gradient, 0.02 of the limit", descent(0.04, wide, noise=0.2), "converges")
    yield Case("noisy gradient, 1.1 of the limit", descent(2.2, wide, noise=0.2), "diverges")
    yield Case(
        "noisy gradient, from the minimum at 0.97 of the limit",
        descent(1.94, noise=1.0, start=3.0),
        "unstable",
        clear=False,
    )


def plateaus() -> Iterator[Case]:
    """Yield 8 curves of nothing but noise, or of a fall and noise."""
    random = np.random.default_rng([*SEED, 1])
    steps = np.arange(3000)
    yield Case("normal noise", 1.1 + 0.2 * random.normal(size=3000), "too_small")
    yield Case("skewed noise", random.standard_exponential(3000), "too_small")
    picks = random.choice(3, (3000, 4), p=[0.88, 0.08, 0.04])
    yield Case("noise of batches of four", -np.log(np.array([0.88, 0.08, 0.04]))[picks].mean(axis=1), "too_small")
    yield Case(
        "a fall, then a noisy plateau", 0.3 + 0.8 * np.exp(-steps / 150) + 0.2 * random.normal(size=3000), "converges"
    )
    yield Case("a straight fall in noise", 1.1 - 0.0001 * steps + 0.2 * random.normal(size=3000), "slow")
    back = np.where((steps > 1500) & (steps < 2000), 1.2, 0.3 + 0.8 * np.exp(-steps / 150))
    yield Case("a fall, a relapse, a recovery", back + 0.2 * random.normal(size=3000), "unstable")
    lost = np.where(steps > 1500, 1.1, 0.3 + 0.8 * np.exp(-steps / 150))
    yield Case("a fall that is lost again", lost + 0.2 * random.normal(size=3000), "diverges")
    wander = 1.1 + 0.004 * np.cumsum(random.normal(size=3000)) + 0.2 * random.normal(size=3000)
    yield Case("a wandering plateau", wander, "unstable", clear=False)


def broken() -> Iterator[Case]:
    """Yield 4 curves with losses that are no numbers."""
    falling = 0.3 + 0.8 * np.exp(-np.arange(500) / 80) + 0.1 * np.random.default_rng([*SEED, 2]).normal(size=500)
    for name, step, value in (("NaN at once", 0, np.nan), ("NaN in the middle", 250, np.nan), ("infinite", 30, np.inf)):
        losses = falling.copy()
        losses[step:] = value
        yield Case(name, losses, "diverges")
    growing = np.concatenate([np.geomspace(1.1, 1e30, 40), np.full(100, np.nan)])
    yield Case("growing until NaN", growing, "diverges")


NETWORK = (
    (1e-10, "too_small", True),
    (1e-9, "too_small", True),
    (1e-8, "too_small", True),
    (1e-7, "too_small", False),
    (1e-6, "slow", False),
    (1e-5, "slow", False),
    (1e-4, "slow", False),
    (1e-3, "converges", True),
    (1e-2, "converges", False),
    (1e-1, "diverges", False),
    (1.0, "diverges", True),
    (10.0, "diverges", True),
)
"""Rate, likeliest verdict, and whether it is beyond dispute."""


def network(scale: float, epochs: int) -> Iterator[Case]:
    """Yield 12 trainings of the reference network on the demo set."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        make_demo(Path(folder) / "data", scale=scale, seed=SEED[0])
        found = scan(Path(folder) / "data", cache=Path(folder) / "cache", jobs=1).dataset
        rows = found.manifest.where("train")
        labels = found.manifest.given[rows]
        data = TrainingSet(np.asarray(found.pixels[rows]), labels, rows)
    share = np.bincount(labels) / len(labels)
    chance = float(-(share * np.log(share)).sum())
    plan = plan_for("none", labels, len(share))
    base = replace(recipe("reference", "simple"), epochs=epochs, precision="float32")
    for rate, wanted, clear in NETWORK:
        asked = replace(base, learning_rate=rate)
        fitted = fit(data, plan, asked, n_classes=len(share), seed=SEED[0], watched=data.select(np.arange(32)))
        yield Case(
            f"reference network, {rate:g}, {len(labels)} images",
            np.array(fitted.curve.step_loss),
            wanted,
            clear,
            fitted.untrained,
            chance,
            -(-len(labels) // asked.batch),
        )


def told(case: Case, verdict: RateVerdict) -> str:
    """Return a line on a case."""
    mark = "ok   " if verdict.kind == case.wanted else "WRONG"
    figures = ", ".join(
        f"{name} {value:.4g}"
        for name, value in (("start", verdict.start), ("end", verdict.final), ("noise", verdict.noise))
        if value is not None
    )
    where = f", step {verdict.step}" if verdict.step else ""
    clear = "clear " if case.clear else "open  "
    return f"{mark} {clear} {case.name}: {verdict.kind} ({verdict.reason}{where}; {figures}), wanted {case.wanted}"


def main() -> None:
    """Judge all cases and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--scale", type=float, default=0.16)
    words.add_argument("--epochs", type=int, default=10)
    words.add_argument("--only", choices=("quadratics", "plateaus", "broken", "network"))
    words.add_argument("--seed", type=int, default=0)
    settings = words.parse_args()
    SEED[0] = settings.seed
    print(describe())
    kinds = {
        "quadratics": quadratics,
        "plateaus": plateaus,
        "broken": broken,
        "network": lambda: network(settings.scale, settings.epochs),
    }
    right, clear_right, clear, total = 0, 0, 0, 0
    for name, cases in kinds.items():
        if settings.only in (None, name):
            for case in cases():
                verdict = judge(case.losses, untrained=case.untrained, chance=case.chance, epoch=case.epoch)
                print(told(case, verdict), flush=True)
                hit = verdict.kind == case.wanted
                right, total = right + hit, total + 1
                clear_right, clear = clear_right + (hit and case.clear), clear + case.clear
    met = clear_right == clear and (right >= TARGET or settings.only)
    print(
        f"right: {right} of n={total}, of the clear ones {clear_right} of {clear}; targets: {TARGET} of 40 and every "
        f"clear one: {'met' if met else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
