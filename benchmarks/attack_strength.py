"""How strong attacks are beside those of torchattacks, Foolbox and ART: same model, same images, same budget.

python benchmarks/attack_strength.py TRAIN TEST [--images 1000] [--cw-images 100] [--epochs 15] [--libraries DIR]

TRAIN and TEST are folders of one folder a class. The reference CNN and the `resnet` are trained on TRAIN, and the
pictures of TEST that they are right about are attacked. One judge for all: the model's own answer on an image within
the budget and within black and white. FGSM, and one step of PGD from the image itself, must be the same images.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from attack_rivals import Method, load, median_size, rivals, success, victims
from evenhand.attacks.attacking import attack
from hardware import describe

EPS, ALPHA, STEPS = 2 / 255, 0.5 / 255, 40
BUDGETS = (0.1, 0.2, 0.4)
"""In l2, at which the attacks for the smallest noise are compared."""
SAME = 1e-5


def main() -> None:
    """Train, attack and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("train", type=Path)
    words.add_argument("test", type=Path)
    words.add_argument("--images", type=int, default=1000)
    words.add_argument("--cw-images", type=int, default=100, help="ART takes minutes for a hundred of them")
    words.add_argument("--epochs", type=int, default=15)
    words.add_argument("--libraries", type=Path)
    settings = words.parse_args()
    libraries, told = load(settings.libraries)
    print(describe())
    print("; ".join(told))
    with tempfile.TemporaryDirectory() as scratch:
        for name, network, images, labels in victims(
            settings.train, settings.test, Path(scratch), settings.images, settings.epochs
        ):
            print(f"{name}: {len(images)} pictures that it is right about")
            others = rivals(libraries, EPS, ALPHA, STEPS)
            _same("fgsm", _ours("fgsm:loss=plain-ce"), others["fgsm"], network, images, labels)
            step = f"pgd:steps=1,step={ALPHA / EPS},random_start=false,shrink=false,loss=plain-ce"
            _same("one step of pgd", _ours(step), others["step"], network, images, labels)
            _budget("fgsm", _ours("fgsm"), others["fgsm"], network, images, labels)
            _budget(f"pgd-{STEPS}", _ours(f"pgd:steps={STEPS}"), others["pgd"], network, images, labels)
            few = slice(None, None, max(1, len(images) // settings.cw_images))
            ours = {"cw": _ours("cw:steps=100,rounds=8", "l2")}
            _smallest(f"cw, {len(labels[few])} images,", ours, others["cw"], network, images[few], labels[few])
            ours = {name: _ours(f"{name}:steps=100", "l2") for name in ("ddn", "fmn")}
            _smallest("ddn and fmn", ours, others["smallest"], network, images, labels)


def _ours(how: str, norm: str = "linf") -> Method:
    def run(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        result = attack(network, images, labels, how, norm=norm, eps=EPS if norm == "linf" else None)
        return torch.from_numpy(result.adversarial)

    return run


def _same(
    what: str, ours: Method, others: dict[str, Method], network: nn.Module, images: Tensor, labels: Tensor
) -> None:
    """Print how far our images lie from those of the others, where each image was attacked to the same end."""
    mine = ours(network, images, labels)
    for name, method in others.items():
        apart = (mine - method(network, images, labels)).abs()
        # Where the gradient is zero but for rounding, its sign is nobody's.
        share = float((apart > SAME).float().mean())
        verdict = "met" if share <= 1e-4 else "MISSED"
        print(f"  {what}, the same as {name}: values more than {SAME:g} apart {share:.2e} (at most 1e-4): {verdict}")


def _budget(
    what: str, ours: Method, others: dict[str, Method], network: nn.Module, images: Tensor, labels: Tensor
) -> None:
    mine = success(network, images, labels, ours(network, images, labels), "linf", EPS)
    theirs = {
        name: success(network, images, labels, method(network, images, labels), "linf", EPS)
        for name, method in others.items()
    }
    _judged(f"{what} within {255 * EPS:g}/255 in linf", {"evenhand": mine}, theirs)


def _smallest(
    what: str,
    ours: dict[str, Method],
    others: dict[str, Method],
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
) -> None:
    mine = {f"evenhand {name}": method(network, images, labels) for name, method in ours.items()}
    theirs = {name: method(network, images, labels) for name, method in others.items()}
    sizes = {name: median_size(network, images, labels, found) for name, found in {**mine, **theirs}.items()}
    print(f"  {what}, median noise in l2: " + ", ".join(f"{name} {size:.4f}" for name, size in sizes.items()))
    for budget in BUDGETS:

        def rates(found: dict[str, Tensor], budget: float = budget) -> dict[str, float]:
            return {name: success(network, images, labels, one, "l2", budget) for name, one in found.items()}

        _judged(f"{what} within {budget:g} in l2", rates(mine), rates(theirs))


def _judged(what: str, mine: dict[str, float], theirs: dict[str, float]) -> None:
    best = max(theirs.values(), default=float(np.nan))
    told = ", ".join(f"{name} {value:.4f}" for name, value in {**mine, **theirs}.items())
    verdict = "nothing to compare with" if not theirs else "met" if max(mine.values()) >= best else "MISSED"
    print(f"  {what}: {told}; at least the strongest of the others: {verdict}")


if __name__ == "__main__":
    main()
