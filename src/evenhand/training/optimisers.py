"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from evenhand.training.recipe import Recipe

WARM_UP = 0.2
"""Share of a one-cycle schedule spent rising."""


def _sgd(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        parameters,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.schedule == "one-cycle" and recipe.momentum > 0,
        fused=True,
    )


def _adamw(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        parameters,
        lr=recipe.learning_rate,
        betas=(recipe.momentum, 0.999),
        weight_decay=recipe.weight_decay,
        fused=True,
    )


OPTIMISERS: dict[str, Callable[[list[nn.Parameter], Recipe], torch.optim.Optimizer]] = {"sgd": _sgd, "adamw": _adamw}


def _one_cycle(progress: float) -> float:
    rising = progress / WARM_UP
    return rising if rising < 1 else (1 - progress) / (1 - WARM_UP)


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "one-cycle": _one_cycle,
}
"""From the share of the training done, in [0, 1], to the factor on the learning rate."""
