"""Models whose weaknesses are known: linear ones, with their smallest noises by hand, and a small trained network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn


class Flat(nn.Module):
    """Logits that are linear in the pixels."""

    def __init__(self, weights: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), nn.Parameter(bias)

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weights.T + self.bias


def smallest(slope: np.ndarray, behind: float, room: np.ndarray, norm: str) -> float:
    """Return the norm of the least noise that gains `behind` along `slope`, each value at most by its `room`."""
    gain = np.abs(slope).astype(np.float64)
    if norm in ("l1", "l0"):
        order = np.argsort(-(gain if norm == "l1" else gain * room), kind="stable")
        whole = np.cumsum((gain * room)[order])
        last = int(np.searchsorted(whole, behind))
        if norm == "l0":
            return last + 1
        before = whole[last - 1] if last else 0.0
        return float(room[order][:last].sum() + (behind - before) / gain[order[last]])
    low, high = 0.0, 1e3

    def noise(strength: float) -> np.ndarray:
        return np.minimum(strength if norm == "linf" else strength * gain, room)

    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if (gain * noise(middle)).sum() < behind else (low, middle)
    found = noise(high)
    return float(found.max() if norm == "linf" else np.sqrt((found**2).sum()))


@dataclass(frozen=True)
class Linear:
    """A linear model of `k` classes, images that it is right about, and how near its mistakes are."""

    model: Flat
    images: Tensor
    labels: Tensor

    def smallest(self, norm: str, *, box: bool, targets: Tensor | None = None) -> np.ndarray:
        """Return (n,) the least norm that leads to any wrong class, or to the target of two classes."""
        weights = self.model.weights.detach().numpy()
        logits = self.model(self.images).detach().numpy()
        found = []
        for row, label in enumerate(self.labels.tolist()):
            flat = self.images[row].flatten().numpy().astype(np.float64)
            options = []
            for other in range(len(weights)):
                if other == label or (targets is not None and other != int(targets[row])):
                    continue
                slope = (weights[other] - weights[label]).astype(np.float64)
                room = np.where(slope > 0, 1 - flat, flat) if box else np.full(len(flat), 1e6)
                options.append(smallest(slope, float(logits[row, label] - logits[row, other]), room, norm))
            found.append(min(options))
        return np.array(found)


@pytest.fixture(scope="session")
def linear() -> Callable[..., Linear]:
    """Make a linear model: ``linear(classes)``; many pixels lie near black and white, so that the box matters."""

    def make(classes: int = 2, n: int = 12, side: int = 6) -> Linear:
        dice = np.random.default_rng(classes)
        weights = torch.from_numpy(dice.standard_normal((classes, 3 * side * side)).astype(np.float32))
        images = torch.from_numpy(dice.beta(0.4, 0.4, (n, 3, side, side)).astype(np.float32))
        model = Flat(weights, -weights.sum(dim=1) / 2)
        return Linear(model, images, model(images).argmax(dim=1))

    return make


@dataclass(frozen=True)
class Trained:
    """A small network that knows its pictures, undefended."""

    network: nn.Module
    images: Tensor
    labels: Tensor


def _pictures(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return pictures of four classes: a soft blob in one of the corners, in noise."""
    dice = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    rows, columns = np.mgrid[:12, :12]
    top, left = np.where(labels < 2, 3, 8), np.where(labels % 2, 8, 3)
    top, left = top + dice.integers(-1, 2, n), left + dice.integers(-1, 2, n)
    blobs = np.exp(-((rows - top[:, None, None]) ** 2 + (columns - left[:, None, None]) ** 2) / 8)
    tint = dice.uniform(0.2, 0.5, (n, 3, 1, 1))
    pictures = 0.35 + tint * blobs[:, None] + dice.normal(0, 0.12, (n, 3, 12, 12))
    levels = np.rint(np.clip(pictures, 0, 1) * 255).astype(np.float32)
    return torch.from_numpy(levels) * (1 / 255), torch.from_numpy(labels)


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A network with batch normalisation and dropout, trained for a second; 4 classes, 12x12 pixels."""
    images, labels = _pictures(400, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(16 * 36, 4),
        )
        optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
        for _ in range(8):
            for rows in torch.randperm(400).split(50):
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
                optimiser.step()
        optimiser.zero_grad()
    return Trained(network.eval(), *_pictures(60, 1))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small images gain nothing from threads, and two of them do not always add up to the last digit alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
