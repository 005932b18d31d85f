"""One function for every attack: from a model, images and labels to what became of each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evenhand.attacks.base import Attack
from evenhand.attacks.catalogue import ENSEMBLE, build_attack
from evenhand.attacks.ensemble import ensemble
from evenhand.attacks.result import AttackResult
from evenhand.attacks.session import run
from evenhand.attacks.threat import PIXEL_RANGE, Threat
from evenhand.attacks.victim import Function, Victim
from evenhand.errors import UsageError
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints

EVERY = "all"


def attack(
    model: nn.Module | Function | Victim,
    images: Tensor | NDArray[Any],
    labels: Tensor | Sequence[int] | NDArray[Any],
    how: str | Attack = "pgd",
    *,
    norm: str = "linf",
    eps: float | None = 8 / 255,
    target: int | Literal["all"] | Sequence[int] | Tensor | None = None,
    bounds: tuple[float, float] = PIXEL_RANGE,
    identity: Ints | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> AttackResult:
    """Return what an attack does to each image. The model is left as it was, bit for bit.

    Parameters
    ----------
    model : nn.Module, callable or Victim
        A module that takes images in [0, 1]. For one that wants them normalised write
        ``Victim(model, mean=(...), std=(...))``. A plain function of arrays can be attacked by ``square``, ``noise``.
    images : (n, channels, height, width) floating point in [0, 1], or uint8
    labels : (n,) whole numbers
        The right class of each image.
    how : str or Attack
        A name of `ATTACKS`, with settings if you like (``pgd:steps=100,restarts=5``), or ``standard``: several attacks,
        of which the worst counts.
    norm : str
        linf, l2, l1 or l0.
    eps : float, optional
        The budget. Without one, attacks that look for the smallest noise take any.
    target : int, sequence of int, or "all", optional
        The class to reach; one for all images or one for each. "all": every image against every other class, one row
        each, image by image, classes in order.
    bounds : tuple of float
        Of pixel values.
    identity : (n,) int64, optional
        What random numbers of an image depend on beside the seed; by default its content.
    seed : int
    progress : Progress

    Raises
    ------
    UsageError
        When the words or shapes cannot be meant, or the attack cannot work with this model, norm or target.
    ModelFileError
        When the model fails, returns probabilities, or logits that are no finite numbers.
    """
    victim = model if isinstance(model, Victim) else Victim(model)
    pictures, right = _images(images), torch.as_tensor(np.asarray(labels)).long()
    threat = Threat(norm, eps, bounds)
    if how == ENSEMBLE:
        if target is not None:
            raise UsageError(f"The ensemble {ENSEMBLE} aims by itself; leave the target out.")
        return ensemble(victim, pictures, right, threat, identity=identity, seed=seed, progress=progress)
    name = how if isinstance(how, str) else type(how).__name__.lower()
    chosen = build_attack(how) if isinstance(how, str) else how
    targets: Tensor | None
    if isinstance(target, str):
        pictures, right, targets, identity = _against_all(victim, pictures, right, target, identity, seed)
    else:
        targets = None if target is None else torch.as_tensor(np.asarray(target)).long().expand(len(right)).clone()
    return run(
        victim,
        pictures,
        right,
        chosen,
        threat,
        targets=targets,
        identity=identity,
        seed=seed,
        name=name.partition(":")[0].strip(),
        progress=progress,
    )


def _images(images: Tensor | NDArray[Any]) -> Tensor:
    found = images.detach() if isinstance(images, Tensor) else torch.from_numpy(np.ascontiguousarray(images))
    if found.dtype == torch.uint8:
        if found.ndim == 4 and found.shape[3] in (1, 3) and found.shape[1] not in (1, 3):
            raise UsageError("Images must be channels first: (n, channels, height, width), not channels last.")
        return found.float() * (1 / 255)
    return found.float() if found.is_floating_point() else found


def _against_all(
    victim: Victim, images: Tensor, labels: Tensor, target: str, identity: Ints | None, seed: int
) -> tuple[Tensor, Tensor, Tensor, Ints | None]:
    """Return every image once for each class that is not its label."""
    if target != EVERY:
        raise UsageError(f"A target is the number of a class, or {EVERY!r}, not {target!r}.")
    with victim.held(images, seed):
        others = victim.n_classes - 1
    every = torch.arange(others).repeat(len(labels))
    right = labels.repeat_interleave(others)
    targets = every + (every >= right).long()
    names = None if identity is None else np.repeat(identity, others)
    return images.repeat_interleave(others, dim=0), right, targets, names
