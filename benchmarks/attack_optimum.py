"""How near to the optimum the smallest noise is that attacks find for linear models, where the optimum is known.

python benchmarks/attack_optimum.py [--images 200] [--classes 3]

The nearest wrong class of a linear model lies at a distance that has a closed form in linf, l2, l1 and l0, with and
without the range of pixel values. Printed is the worst of all images. For optimised noise: that noise stays exactly
zero where its price is above the largest slope, and what the best price-and-size objective is otherwise, by a solver of
convex problems in one unknown.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy import optimize
from torch import Tensor, nn

from evenhand.attacks.attacking import attack
from evenhand.attacks.optimised_noise import OptimisedNoise
from evenhand.attacks.threat import NO_BOX, PIXEL_RANGE
from hardware import describe

TARGET = 1.01
ATTACKS = (
    *(("fmn:steps=400", norm) for norm in ("linf", "l2", "l1", "l0")),
    ("ddn:steps=200", "l2"),
    ("cw:steps=200", "l2"),
    ("deepfool", "linf"),
    ("deepfool", "l2"),
)
SIDE = 8


class Flat(nn.Module):
    """Logits that are linear in the pixels."""

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.slopes = nn.Parameter(slopes)
        self.bias = nn.Parameter(-slopes.sum(dim=1) / 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, K) logits."""
        return images.flatten(1) @ self.slopes.T + self.bias


def main() -> None:
    """Attack and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=200)
    words.add_argument("--classes", type=int, default=3)
    settings = words.parse_args()
    print(describe())
    dice = np.random.default_rng(0)
    slopes = dice.standard_normal((settings.classes, 3 * SIDE * SIDE)).astype(np.float32)
    model = Flat(torch.from_numpy(slopes))
    images = torch.from_numpy(dice.beta(0.4, 0.4, (settings.images, 3, SIDE, SIDE)).astype(np.float32))
    labels = model(images).argmax(dim=1)
    print(f"linear model, {settings.classes} classes, {settings.images} images of {SIDE}x{SIDE}, worst image of all")
    for how, norm in ATTACKS:
        for bounds, place in ((NO_BOX, "no range"), (PIXEL_RANGE, "in range")):
            if norm == "l0" and bounds == NO_BOX:
                continue  # one value moved far enough always does
            best = _optimum(model, images, labels, norm, boxed=bounds == PIXEL_RANGE)
            found = attack(model, images, labels, how, norm=norm, eps=None, bounds=bounds)
            ratio = float((found.size / best).max())
            verdict = "met" if ratio <= TARGET else "MISSED"
            print(f"  {how} in {norm}, {place}: {ratio:.5f} times the optimum, target at most {TARGET}: {verdict}")
    _optimised_noise(dice)


def _optimum(model: Flat, images: Tensor, labels: Tensor, norm: str, *, boxed: bool) -> np.ndarray:
    """Return (n,) the least noise that leads to any wrong class."""
    slopes, logits = model.slopes.detach().double().numpy(), model(images).detach().double().numpy()
    found = []
    for row, label in enumerate(labels.tolist()):
        flat = images[row].flatten().double().numpy()
        options = []
        for other in set(range(len(slopes))) - {label}:
            slope = slopes[other] - slopes[label]
            room = np.where(slope > 0, 1 - flat, flat) if boxed else np.full(len(flat), np.inf)
            options.append(_least(np.abs(slope), float(logits[row, label] - logits[row, other]), room, norm))
        found.append(min(options))
    return np.array(found)


def _least(gain: np.ndarray, behind: float, room: np.ndarray, norm: str) -> float:
    """Return the norm of the least noise that gains what is missing."""
    if norm in ("l1", "l0"):
        order = np.argsort(-(gain if norm == "l1" else gain * room))
        left, size = behind, 0.0
        for place in order:
            whole = gain[place] * room[place]
            if whole >= left:
                return size + (1 if norm == "l0" else left / gain[place])
            left, size = left - whole, size + (1 if norm == "l0" else room[place])
        return float(np.inf)

    def noise(strength: float) -> np.ndarray:
        return np.minimum(strength * (np.ones_like(gain) if norm == "linf" else gain), room)

    top = 1.0
    while (gain * noise(top)).sum() < behind and top < 1e9:
        top *= 2
    strength = optimize.brentq(lambda value: float((gain * noise(value)).sum() - behind), 0, top, xtol=1e-14)
    found = noise(strength)
    return float(found.max() if norm == "linf" else np.sqrt((found**2).sum()))


def _optimised_noise(dice: np.random.Generator) -> None:
    """Print how near optimised noise comes to its optimum on a binary softmax, where one value moves at most."""
    slope = dice.standard_normal((3, SIDE, SIDE)).astype(np.float32)
    model = Flat(torch.stack([torch.zeros(3 * SIDE * SIDE), torch.from_numpy(slope.ravel())]))
    model.bias.data.zero_()
    images = torch.full((1, 3, SIDE, SIDE), 0.5)
    labels = model(images).argmax(dim=1)
    target = 1 - labels
    gain = float(model(images).detach()[0].diff()) * (1 if int(target) else -1)
    steep = float(np.abs(slope).max())
    share = 1 / (1 + np.exp(gain))
    print(f"optimised noise on a binary softmax, largest slope of the loss at zero {steep * share:.4f}")
    for price in (1.2 * steep * share, 0.5 * steep * share, 0.1 * steep * share):

        def objective(size: float, price: float = price) -> float:
            return float(np.log1p(np.exp(-(gain + steep * size))) + price * size)

        best = optimize.minimize_scalar(objective, bounds=(0, 100), method="bounded", options={"xatol": 1e-10}).fun
        best = min(best, objective(0.0))
        how = OptimisedNoise(c=price, steps=2000)
        found = attack(model, images, labels, how, norm="l1", eps=None, target=int(target), bounds=NO_BOX)
        noise = found.adversarial[0] - images[0].numpy()
        logits = torch.from_numpy(found.logits)
        reached = float(nn.functional.cross_entropy(logits, target)) + price * float(np.abs(noise).sum())
        moved = int((noise != 0).sum())
        ratio = reached / best
        fits = ratio <= TARGET and moved <= 1
        print(
            f"  C {price:.4f}: {reached:.6f}, the optimum is {best:.6f} ({ratio:.6f} times), values moved {moved}: "
            f"{'met' if fits else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
