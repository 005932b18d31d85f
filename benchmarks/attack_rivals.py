"""What the benchmarks of attacks share: trained networks with pictures they are right about, and three other libraries.

The other libraries (torchattacks, Foolbox, ART) are used where they can be imported, from a folder of their own with
`--libraries`; they are no dependencies of evenhand. Each function takes a network that expects images in [0, 1], the
images and their labels, and returns adversarial images.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evenhand.auditing.scan import scan
from evenhand.remedies.catalogue import plan_for
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.precision import settled
from evenhand.training.recipe import recipe

LIBRARIES = ("torchattacks", "foolbox", "art")
Method = Callable[[nn.Module, Tensor, Tensor], Tensor]


def victims(
    data: Path, test: Path, scratch: Path, images: int, epochs: int
) -> list[tuple[str, nn.Module, Tensor, Tensor]]:
    """Return the reference CNN and the `resnet`, each trained and with so many test pictures that it is right about.

    Parameters
    ----------
    data, test : Path
        Folders of one folder a class.
    scratch : Path
        Where decoded pictures are kept.
    images : int
        Pictures, at most.
    epochs : int
        Of each training; the recipe is `standard`, in float32.
    """
    found = scan(data, cache=scratch / "train", jobs=2).dataset
    judged = scan(test, cache=scratch / "test", jobs=2, classes=found.manifest.classes, alike=False).dataset
    rows = np.arange(len(found.manifest.given), dtype=np.int64)
    examples = TrainingSet(np.array(found.pixels), found.manifest.given, rows)
    classes = len(found.manifest.classes)
    # Lopsided training data would leave a network that says the commonest class to everything.
    plan = plan_for("balanced-softmax", examples.targets, classes)
    pictures = torch.from_numpy(np.array(judged.pixels)).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(judged.manifest.given)
    made = []
    for model in ("simple", "resnet"):
        asked = settled(recipe("standard", model, epochs=epochs, precision="float32"), found.size)
        network = fit(examples, plan, asked, n_classes=classes, seed=0).network
        with torch.no_grad():
            called = torch.cat([network(part).argmax(dim=1) for part in pictures.split(128)])
        right = torch.nonzero(called == labels)[:, 0]
        right = right[np.linspace(0, len(right) - 1, min(images, len(right))).astype(np.int64)]
        made.append((model, network, pictures[right].contiguous(), labels[right]))
    return made


def load(folder: Path | None) -> tuple[dict[str, Any], list[str]]:
    """Return the libraries that can be imported, by name, and what to say of each."""
    if folder:
        sys.path.append(str(folder))
    found, told = {}, []
    for name in LIBRARIES:
        try:
            found[name] = importlib.import_module(name)
            told.append(f"{name} {getattr(found[name], '__version__', '')}".strip())
        except Exception as error:  # whatever goes wrong in a library of others, it is left out and said
            told.append(f"{name} left out: {type(error).__name__}: {error}")
    return found, told


def rivals(libraries: dict[str, Any], eps: float, alpha: float, steps: int) -> dict[str, dict[str, Method]]:
    """Return for each kind of attack what the libraries offer, by name.

    fgsm, step (one step of PGD from the image) and pgd in linf within `eps`; cw and smallest (DDN, FMN) in l2 with 100
    steps, CW in 8 rounds.
    """
    found: dict[str, dict[str, Method]] = {kind: {} for kind in ("fgsm", "step", "pgd", "cw", "smallest")}
    if "torchattacks" in libraries:
        _torchattacks(found, libraries["torchattacks"], eps, alpha, steps)
    if "foolbox" in libraries:
        _foolbox(found, libraries["foolbox"], eps, alpha, steps)
    if "art" in libraries:
        _art(found, eps, alpha, steps)
    return found


def _torchattacks(found: dict[str, dict[str, Method]], library: Any, eps: float, alpha: float, steps: int) -> None:
    def method(kind: str, **words: Any) -> Method:
        return lambda network, images, labels: getattr(library, kind)(network, **words)(images, labels)

    found["fgsm"]["torchattacks"] = method("FGSM", eps=eps)
    found["step"]["torchattacks"] = method("PGD", eps=eps, alpha=alpha, steps=1, random_start=False)
    found["pgd"]["torchattacks"] = method("PGD", eps=eps, alpha=alpha, steps=steps, random_start=True)
    found["cw"]["torchattacks"] = method("CW", c=1, steps=800, lr=0.01)


def _foolbox(found: dict[str, dict[str, Method]], library: Any, eps: float, alpha: float, steps: int) -> None:
    offered = library.attacks

    def method(attack: Any, budget: float | None) -> Method:
        def run(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            model = library.PyTorchModel(network, bounds=(0, 1), device=images.device)
            clipped: Tensor = attack(model, images, labels, epsilons=budget)[1]
            return clipped

        return run

    found["fgsm"]["foolbox"] = method(offered.FGSM(random_start=False), eps)
    found["step"]["foolbox"] = method(offered.LinfPGD(abs_stepsize=alpha, steps=1, random_start=False), eps)
    found["pgd"]["foolbox"] = method(offered.LinfPGD(abs_stepsize=alpha, steps=steps, random_start=True), eps)
    found["cw"]["foolbox"] = method(offered.L2CarliniWagnerAttack(binary_search_steps=8, steps=100), None)
    found["smallest"]["foolbox ddn"] = method(offered.DDNAttack(steps=100), None)
    found["smallest"]["foolbox fmn"] = method(offered.L2FMNAttack(steps=100), None)


def _art(found: dict[str, dict[str, Method]], eps: float, alpha: float, steps: int) -> None:
    estimators = importlib.import_module("art.estimators.classification")
    evasion = importlib.import_module("art.attacks.evasion")

    def method(kind: str, **words: Any) -> Method:
        def run(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            wrapped = estimators.PyTorchClassifier(
                model=network,
                loss=nn.CrossEntropyLoss(),
                input_shape=tuple(images.shape[1:]),
                nb_classes=int(network(images[:1]).shape[1]),
                clip_values=(0.0, 1.0),
                device_type="cpu",
            )
            attack = getattr(evasion, kind)(wrapped, batch_size=128, **words)
            return torch.from_numpy(attack.generate(images.numpy(), labels.numpy()))

        return run

    budget = {"norm": np.inf, "eps": eps}
    iterated = budget | {"eps_step": alpha, "verbose": False}
    found["fgsm"]["art"] = method("FastGradientMethod", **budget)
    found["step"]["art"] = method("ProjectedGradientDescent", **iterated, max_iter=1, num_random_init=0)
    found["pgd"]["art"] = method("ProjectedGradientDescent", **iterated, max_iter=steps, num_random_init=1)
    found["cw"]["art"] = method("CarliniL2Method", binary_search_steps=8, max_iter=100, verbose=False)


def success(network: nn.Module, images: Tensor, labels: Tensor, adversarial: Tensor, norm: str, eps: float) -> float:
    """Return the share of images that are fooled within the budget, by one judge for everybody."""
    noise = (adversarial - images).flatten(1)
    size = noise.abs().amax(dim=1) if norm == "linf" else noise.norm(dim=1)
    inside = (adversarial >= 0).flatten(1).all(dim=1) & (adversarial <= 1).flatten(1).all(dim=1)
    return float((lost(network, labels, adversarial) & inside & (size <= eps * (1 + 1e-5) + 1e-6)).float().mean())


def lost(network: nn.Module, labels: Tensor, adversarial: Tensor) -> Tensor:
    """Return which of the images are no longer called by their labels."""
    with torch.no_grad():
        return torch.cat([network(part).argmax(dim=1) for part in adversarial.float().split(128)]) != labels


def median_size(network: nn.Module, images: Tensor, labels: Tensor, adversarial: Tensor) -> float:
    """Return the median l2 norm of the noise; where the model is not fooled it counts as infinite."""
    size = (adversarial - images).flatten(1).norm(dim=1)
    return float(torch.where(lost(network, labels, adversarial), size, torch.inf).median())
