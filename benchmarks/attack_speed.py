"""How fast attacks are beside those of torchattacks, Foolbox and ART, in one run on the same images.

python benchmarks/attack_speed.py TRAIN TEST [--images 1000] [--epochs 15] [--threads 2] [--repeats 3] [--libraries DIR]

TRAIN and TEST are as in attack_strength.py. Timed is PGD with 40 steps within a budget at which many images resist and
within one at which hardly any does; and accuracy at 20 budgets, from one search for the smallest noise, against one
budget. Every library gets the same network; the runs take turns, and the fastest of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from attack_rivals import Method, load, rivals, success, victims
from evenhand.attacks.attacking import attack
from evenhand.attacks.success import accuracy_curve
from hardware import describe

STEPS = 40
BUDGETS = (0.5 / 255, 8 / 255)
TARGET, CURVE_TARGET, POINTS = 4.0, 3.0, 20


def main() -> None:
    """Train, time and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("train", type=Path)
    words.add_argument("test", type=Path)
    words.add_argument("--images", type=int, default=1000)
    words.add_argument("--epochs", type=int, default=15)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--repeats", type=int, default=3)
    words.add_argument("--libraries", type=Path)
    settings = words.parse_args()
    libraries, told = load(settings.libraries)
    print(describe())
    print("; ".join(told))
    torch.set_num_threads(settings.threads)
    with tempfile.TemporaryDirectory() as scratch:
        for name, network, images, labels in victims(
            settings.train, settings.test, Path(scratch), settings.images, settings.epochs
        ):
            images, labels = _filled(images, labels, settings.images)
            print(f"{name}: {len(images)} images, {settings.threads} threads, best of {settings.repeats}")
            for eps in BUDGETS:
                methods = {"evenhand": _pgd(eps)}
                methods |= rivals(libraries, eps, eps / 4, STEPS)["pgd"]
                _compare(methods, eps, network, images, labels, settings.repeats)
            _curve(network, images, labels, settings.repeats)


def _filled(images: Tensor, labels: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Return exactly so many images: where there are fewer, some of them mirrored, then all again."""
    while len(images) < wanted:
        images, labels = torch.cat([images, images.flip(3)]), torch.cat([labels, labels])
    return images[:wanted].contiguous(), labels[:wanted]


def _pgd(eps: float) -> Method:
    def run(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return torch.from_numpy(attack(network, images, labels, f"pgd:steps={STEPS}", eps=eps).adversarial)

    return run


def _fastest(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the least seconds of each of several runs, which take turns."""
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def _compare(
    methods: dict[str, Method], eps: float, network: nn.Module, images: Tensor, labels: Tensor, repeats: int
) -> None:
    rates = {
        name: success(network, images, labels, method(network, images, labels), "linf", eps)
        for name, method in methods.items()
    }
    runs = {name: (lambda method=method: method(network, images, labels)) for name, method in methods.items()}
    seconds = _fastest(runs, repeats)
    for name in methods:
        print(f"  pgd-{STEPS} within {255 * eps:g}/255: {name} {seconds[name]:.2f} s, success {rates[name]:.4f}")
    others = {name: value for name, value in seconds.items() if name != "evenhand"}
    if others:
        ratio = min(others.values()) / seconds["evenhand"]
        best = max(rates[name] for name in others)
        met = ratio >= TARGET and rates["evenhand"] >= best
        print(
            f"  the fastest of the others takes {ratio:.2f} times as long, target at least {TARGET:g} at no lower "
            f"success: {'met' if met else 'MISSED'}"
        )


def _curve(network: nn.Module, images: Tensor, labels: Tensor, repeats: int) -> None:
    def curve() -> object:
        found = attack(network, images, labels, f"fmn:steps={STEPS}", eps=None)
        return accuracy_curve(found, points=POINTS)

    for eps in BUDGETS:
        runs = {"curve": curve, "point": lambda eps=eps: attack(network, images, labels, f"pgd:steps={STEPS}", eps=eps)}
        seconds = _fastest(runs, repeats)
        ratio = seconds["curve"] / seconds["point"]
        print(
            f"  {POINTS} budgets {seconds['curve']:.2f} s, one of {255 * eps:g}/255 {seconds['point']:.2f} s: "
            f"{ratio:.2f} times, target at most {CURVE_TARGET:g}: {'met' if ratio <= CURVE_TARGET else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
