"""The small standard stress at the end of a run: a few attacks and corruptions, on as many images as it can afford."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from evenhand.attacks.assault import Assault
from evenhand.attacks.robustness import measure_robustness
from evenhand.attacks.subject import Subject
from evenhand.progress import SILENT, Progress

STRESSED = ("quick", "standard", "thorough")
"""Presets of a run that end with it; `reference` repeats what others did, and they did not."""
MOST = 200
"""Images, at most."""
FEWEST = 24
OPERATIONS = 8e11
"""Floating-point operations that the stress may take; a processor's core does some ten thousand million a second."""
LOOKS = 240
"""Operations it takes for one image, as a multiple of those of one look at it; measured on the demo set."""
SMALL, USUAL = 2 / 255, 8 / 255


def assaults(limit: int, seed: int) -> tuple[Assault, ...]:
    """Return what the standard stress consists of, at most `limit` images of each class.

    Random noise and one step (FGSM) at a usual budget and many steps (PGD) at that one and a small one; the smallest
    noise (FMN), which gives the accuracy at every budget; and the common corruptions at the middle severity. Where
    nearly everything breaks, classes cannot be told apart, so fragility and the checks belong to the small budget.
    """
    common: dict[str, Any] = {"seed": seed, "limit": limit}
    plain = common | {"examples": 0, "lean": True}
    return (
        Assault("noise:tries=3", eps=USUAL, **plain),
        Assault("fgsm", eps=SMALL, **plain),
        Assault("fgsm", eps=USUAL, **plain),
        Assault("pgd:steps=20", eps=SMALL, examples=0, **common),
        Assault("pgd:steps=20", eps=USUAL, **common | {"examples": 8, "lean": True}),
        Assault("fmn:steps=40", **plain),
        Assault("corruptions:severity=3", **plain),
    )


def stress(subject: Subject, run: Path, *, seed: int = 0, progress: Progress = SILENT) -> list[dict[str, Any]]:
    """Return the figures of the standard stress, and leave all else in ``RUN/robustness/``; what is there is read.

    How many images take part depends on how much one look at an image costs, not on how long it takes.

    Parameters
    ----------
    subject : Subject
        With a network that has gradients.
    run : Path
        The run folder.
    seed : int
        Decides which images take part, and every start.
    progress : Progress
    """
    limit = max(1, affordable(subject) // len(subject.classes))
    return [measure_robustness(subject, assault, run, progress)[0] for assault in assaults(limit, seed)]


def affordable(subject: Subject) -> int:
    """Return how many images the stress can take, from `FEWEST` to `MOST`."""
    image = torch.from_numpy(subject.pixels[:1]).permute(0, 3, 1, 2).float().to(subject.victim.device)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        subject.victim.logits(image)
    return int(min(MOST, max(FEWEST, OPERATIONS / (LOOKS * max(1, counter.get_total_flops())))))
