"""A run folder with attacks on a small linear model, for the tests of what the report says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from evenhand.attacks.assault import Assault
from evenhand.attacks.robustness import measure_robustness
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim

CLASSES = ("Cars", "Trucks", "Cats <b>")
COUNTS = (400, 60, 20)
SIDE = 12
EVERYTHING = (
    Assault("noise:tries=2", eps=8 / 255, examples=0, lean=True),
    Assault("fgsm", eps=8 / 255, examples=0, lean=True),
    Assault("pgd:steps=8", eps=4 / 255, examples=4),
    Assault("pgd:steps=8", eps=8 / 255, target="all", examples=2, lean=True),
    Assault("fmn:steps=30", eps=None, examples=0, lean=True),
    Assault("optimised-noise:steps=20", norm="l1", target="all", examples=2, limit=4, lean=True),
    Assault("corruptions:severity=3", examples=0),
)


def subject(classes: Sequence[str] = CLASSES, counts: Sequence[int] = COUNTS, each: int = 12, **more: Any) -> Subject:
    """Return a linear model that is right about most of some noisy pictures, each class a bar at its own place."""
    dice = np.random.default_rng(0)
    labels = np.arange(each * len(classes)) % len(classes)
    patterns = dice.integers(-20, 20, (len(classes), SIDE, SIDE, 3))
    pixels = np.clip(128 + patterns[labels] + dice.normal(0, 60, (len(labels), SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, len(classes)))
    slopes = torch.from_numpy(patterns.transpose(0, 3, 1, 2).reshape(len(classes), -1).astype(np.float32)) / 40
    with torch.no_grad():
        network[1].weight.copy_(slopes)
        network[1].bias.copy_(-slopes.sum(dim=1) / 2 - (slopes**2).sum(dim=1) * 10 / 255)
    words: dict[str, Any] = {"counted": "run", "fingerprint": "these", "model": "m", "source": "test"} | more
    return Subject(
        victim=Victim(network),
        pixels=pixels,
        labels=labels,
        paths=tuple(f"{number}.png" for number in range(len(labels))),
        classes=tuple(classes),
        counts=np.array(counts),
        **words,
    )


def attack(run: Path, assaults: Sequence[Assault] = EVERYTHING, target: Subject | None = None) -> Path:
    """Attack the model in all these ways, leave the results in the run folder, and return it."""
    whom = target or subject()
    for assault in assaults:
        measure_robustness(whom, assault, run)
    return run
