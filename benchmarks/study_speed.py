"""How fast a study is: twelve remedies side by side, and `resnet` in training against the loop that most people write.

python benchmarks/study_speed.py DATA [--epochs 10] [--jobs 2] [--only study|throughput]

The study is the whole command `evenhand compare` with 12 remedies, 3 folds and 2 seeds, the reference CNN for 10
epochs at batch 64, on the full grid: start, decoding, trainings, intervals and report are on the clock. None of the
remedies shares its trainings with another one.

The throughput is of the network `resnet` (--width 8 --batch 32 is that of the presets) as evenhand trains it: one
process a core, one thread each, precision and memory format as measured to be fastest, shifts and mirror images made
afresh; two trainings side by side. The usual loop is a DataLoader over float32 images in NCHW order with the same
shifts and mirror images, an image at a time as a Dataset gives them: one training on all cores, with no, one or two
loader workers, whichever is fastest. Both train the same network on the same number of images in one run of this
script, in turn, three times each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from evenhand.engines.local import LocalEngine
from evenhand.models.catalogue import build
from evenhand.remedies.plan import Plan
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.precision import settled
from evenhand.training.recipe import Recipe, recipe
from hardware import describe

MINUTES = 10.0
RATIO = 3.0
REMEDIES = (
    "none", "augment", "oversample", "undersample", "sampler", "class-weights", "effective-number", "focal",
    "balanced-softmax", "ldam-drw", "mixup", "smote",
)  # fmt: skip
ROUNDS = 3
SIDE = 32
SHIFT = 4


def main() -> None:
    """Measure what was asked for, and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("--epochs", type=int, default=10, help="of the study's trainings")
    words.add_argument("--images", type=int, default=5625, help="images a training of the throughput sees")
    words.add_argument("--width", type=int, default=24, help="channels after the stem in the throughput")
    words.add_argument("--batch", type=int, default=128, help="images a step in the throughput")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--only", choices=("study", "throughput"))
    settings = words.parse_args()
    print(describe())
    if settings.only != "throughput":
        study(settings.data, settings.epochs, settings.jobs)
    if settings.only != "study":
        throughput(settings.images, settings.jobs, width=settings.width, batch=settings.batch)


def study(data: Path, epochs: int, jobs: int) -> None:
    """Print how long the study takes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evenhand", "compare", str(data), "--preset", "reference", "--no-halving"]
        command += [word for remedy in REMEDIES for word in ("--remedy", remedy)]
        command += ["--folds", "3", "--seeds", "2", "--set", f"epochs={epochs}", "--set", "batch=64"]
        command += ["--jobs", str(jobs), "--out", f"{folder}/run", "--json", "--quiet"]
        start = time.perf_counter()
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        minutes = (time.perf_counter() - start) / 60
        rows = json.loads(told.stdout)["leaderboard"]
        trainings = len(list(Path(folder, "run", "trials").iterdir()))
    for row in rows:
        print(f"  {row['remedy']}: balanced accuracy {row['balanced_accuracy']:.3f}, {row['seconds']:.0f} s")
    print(f"{len(rows)} remedies x 3 folds x 2 seeds ({trainings} trainings), {epochs} epochs at batch 64, n=1")
    verdict = "met" if minutes <= MINUTES else "MISSED"
    print(f"evenhand, whole command, {jobs} workers: {minutes:.1f} minutes, target at most {MINUTES:.0f}: {verdict}")


@dataclass(frozen=True)
class Task:
    """A training whose speed is measured."""

    images: int
    recipe: Recipe


def throughput(images: int, jobs: int, *, width: int, batch: int) -> None:
    """Print images a second of both loops, and their ratio."""
    ours = settled(replace(recipe("standard", "resnet"), epochs=1, width=width, batch=batch), (SIDE, SIDE))
    task = Task(images, ours)
    usual: dict[int, list[float]] = {0: [], 1: [], 2: []}
    product = []
    with LocalEngine(jobs) as engine:
        engine.map(train_ours, [replace(task, images=4 * ours.batch)] * jobs)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            engine.map(train_ours, [task] * jobs)
            product.append(jobs * images / (time.perf_counter() - start))
            for workers, rates in usual.items():
                rates.append(_usual(images, ours, workers, jobs))
    print(f"resnet of width {width}, batch {batch}, {images} images of {SIDE} pixels a training, median of {ROUNDS}")
    print(f"  evenhand, {jobs} trainings side by side, {ours.precision}: {_told(product)} images a second together")
    for workers, rates in usual.items():
        print(f"  DataLoader, float32 NCHW, {jobs} threads, {workers} loader workers: {_told(rates)} images a second")
    ratio = statistics.median(product) / max(statistics.median(rates) for rates in usual.values())
    print(f"ratio {ratio:.2f}, target at least {RATIO:.0f}: {'met' if ratio >= RATIO else 'MISSED'}")


def _told(rates: list[float]) -> str:
    return f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"


def _pictures(number: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (number, SIDE, SIDE, 3), dtype=np.uint8)
    return pixels, generator.integers(0, 3, number)


def train_ours(task: Task) -> None:
    """Train as a trial does. Runs in a worker process."""
    torch.set_num_threads(1)
    pixels, labels = _pictures(task.images)
    data = TrainingSet(pixels, labels, np.arange(task.images))
    fit(data, Plan(), task.recipe, n_classes=3, seed=0, device="cpu")


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """A Dataset as a tutorial writes it: an image at a time, shifted and mirrored at random."""

    def __init__(self, number: int) -> None:
        pixels, self.labels = _pictures(number)
        self.images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255).contiguous()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        """Return an image and its label."""
        image = nn.functional.pad(self.images[place : place + 1], [SHIFT] * 4, mode="reflect")[0]
        down, right = (int(torch.randint(0, 2 * SHIFT + 1, ())) for _ in range(2))
        image = image[:, down : down + SIDE, right : right + SIDE]
        return image.flip(2) if torch.rand(()) < 0.5 else image, int(self.labels[place])


def _usual(images: int, how: Recipe, workers: int, threads: int) -> float:
    """Return the images a second of the usual loop over one epoch."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    network = build("resnet", n_classes=3, size=(SIDE, SIDE), width=how.width).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(Pictures(images), batch_size=how.batch, shuffle=True, num_workers=workers)
    start = time.perf_counter()
    for batch, labels in loader:
        optimiser.zero_grad()
        loss = criterion(network(batch), labels)
        loss.backward()
        optimiser.step()
        loss.item()
    seconds = time.perf_counter() - start
    torch.set_num_threads(before)
    return images / seconds


if __name__ == "__main__":
    main()
