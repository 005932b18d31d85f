"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from evenhand.training.recipe import Recipe

WARM_UP = 0.2
"""Share of a one-cycle schedule spent rising."""

Step = Callable[[list[Tensor], float], None]
"""Moves the parameters by their gradients, in the order of the parameters, at a learning rate."""

# torch's functional optimisers: at four images a batch the bookkeeping of its optimiser classes is a tenth of a step.


def _sgd(parameters: list[Tensor], recipe: Recipe) -> Step:
    momenta: list[Tensor | None] = [None] * len(parameters)

    def step(gradients: list[Tensor], rate: float) -> None:
        sgd(
            parameters,
            gradients,
            momenta,
            fused=True,
            lr=rate,
            momentum=recipe.momentum,
            dampening=0.0,
            nesterov=recipe.schedule == "one-cycle" and recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
            maximize=False,
        )

    return step


def _adamw(parameters: list[Tensor], recipe: Recipe) -> Step:
    means, squares = ([torch.zeros_like(parameter) for parameter in parameters] for _ in range(2))
    steps = [torch.zeros((), dtype=torch.float32, device=parameter.device) for parameter in parameters]

    def step(gradients: list[Tensor], rate: float) -> None:
        adamw(
            parameters,
            gradients,
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=recipe.momentum,
            beta2=0.999,
            lr=rate,
            weight_decay=recipe.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    return step


OPTIMISERS: dict[str, Callable[[list[Tensor], Recipe], Step]] = {"sgd": _sgd, "adamw": _adamw}


def _one_cycle(progress: float) -> float:
    rising = progress / WARM_UP
    return rising if rising < 1 else (1 - progress) / (1 - WARM_UP)


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "one-cycle": _one_cycle,
}
"""From the share of the training done, in [0, 1], to the factor on the learning rate."""
