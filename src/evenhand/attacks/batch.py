"""The images under attack at once, and where each of them is now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from evenhand.attacks.draws import normals, uniforms
from evenhand.attacks.norms import project
from evenhand.attacks.threat import Threat
from evenhand.records.values import Ints


@dataclass
class Batch:
    """Every tensor has one row an image; `keep` forgets rows in all of them at once."""

    images: Tensor
    """(n, channels, height, width) float32, as they were."""
    labels: Tensor
    """(n,) int64."""
    targets: Tensor | None
    """(n,) int64, the classes to reach; None: any wrong class."""
    identity: Ints
    """(n,) names of the images, which their random numbers depend on."""
    clean: Tensor
    """(n, K) logits of the images as they were."""
    row: Tensor
    """(n,) int64, where each image's results belong."""
    threat: Threat
    seed: int
    restart: int = 0
    point: Tensor = field(init=False)
    """Where the images are now."""
    best: Tensor = field(init=False)
    """(n,) the smallest norm of a noise that succeeded so far; infinite where none has."""
    best_point: Tensor = field(init=False)
    done: Tensor = field(init=False)
    """(n,) bool: nothing more is wanted of these."""
    state: dict[str, Tensor] = field(default_factory=dict)
    """What an attack remembers from step to step, one row an image. An ``aim`` among it, (n,) classes or -1, is climbed
    towards in place of the target; success stays what it is."""
    tools: dict[str, Any] = field(default_factory=dict)
    """What it remembers that has no rows; only for attacks that no image leaves early."""

    def __post_init__(self) -> None:
        """Begin at the images themselves."""
        self.point = self.images
        self.best = torch.full_like(self.labels, torch.inf, dtype=torch.float32)
        self.best_point = self.images
        self.done = torch.zeros_like(self.labels, dtype=torch.bool)
        low, high = self.threat.bounds
        # In linf the budget and the range of pixel values are one interval a value.
        self.lower, self.upper = torch.full_like(self.images[:1], low), torch.full_like(self.images[:1], high)
        self.tight = self.threat.norm == "linf" and self.threat.eps is not None
        if self.tight and self.threat.eps is not None:
            self.lower = (self.images - self.threat.eps).clamp_min(low)
            self.upper = (self.images + self.threat.eps).clamp_max(high)

    def __len__(self) -> int:
        """Return the number of images still under attack."""
        return len(self.labels)

    def inside(self, point: Tensor, budget: float | Tensor | None = None) -> Tensor:
        """Return the points brought back into the budget, the threat's or another, and into the range of values."""
        norm, own = self.threat.norm, budget is None
        budget = self.threat.eps if budget is None else budget
        if budget is None or (own and self.tight):
            return point.clamp(self.lower, self.upper)
        low, high = (bound - self.images for bound in self.threat.bounds)
        return self.images + project(point - self.images, norm, budget, low, high)

    def in_box(self, point: Tensor) -> Tensor:
        """Return the points brought back into the range of pixel values alone."""
        return point.clamp(*self.threat.bounds) if self.threat.boxed else point

    def uniform(self, stream: str, number: int = 0, shape: tuple[int, ...] | None = None) -> Tensor:
        """Return float32 numbers in [0, 1), drawn for each image alone; shaped like the images unless told."""
        drawn = uniforms(stream, self.seed, self._number(number), self.identity, shape or tuple(self.images.shape[1:]))
        return torch.from_numpy(drawn).to(self.images)

    def normal(self, stream: str, number: int = 0) -> Tensor:
        """Return float32 numbers of the standard normal distribution, shaped like the images."""
        drawn = normals(stream, self.seed, self._number(number), self.identity, tuple(self.images.shape[1:]))
        return torch.from_numpy(drawn).to(self.images)

    def chosen(self, rows: Tensor, restart: int) -> Batch:
        """Return some of the images as they were at the beginning, for one more pass; `rows` is (n,) bool."""
        return Batch(
            images=self.images[rows],
            labels=self.labels[rows],
            targets=None if self.targets is None else self.targets[rows],
            identity=self.identity[rows.cpu().numpy()],
            clean=self.clean[rows],
            row=self.row[rows],
            threat=self.threat,
            seed=self.seed,
            restart=restart,
            state={name: value[rows] for name, value in self.state.items()},
        )

    def keep(self, rows: Tensor) -> None:
        """Forget all images but some; `rows` is (n,) bool."""
        names = ["images", "labels", "targets", "clean", "row", "point", "best", "best_point", "done"]
        for name in names + ["lower", "upper"] * self.tight:
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value[rows])
        self.state = {name: value[rows] for name, value in self.state.items()}
        self.identity = self.identity[rows.cpu().numpy()]

    def _number(self, number: int) -> int:
        return self.restart * 1_000_003 + number
