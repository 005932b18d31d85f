"""The six experiments of the reference study: the product against the usual loop, whole command against bare training.

python benchmarks/reference_speed.py DATA [--epochs 10] [--jobs 2]

The usual loop is what most people write: a DataLoader over tensors without loader workers, one run after the other. It
is given its tensors ready made (nothing is decoded, no copies and no synthetic images are computed on its clock) and
the number of threads that suits it best. The product's clock holds the whole command `evenhand compare --preset
reference`: start, decoding, synthesis, training, intervals and report. Both train on the same numbers of images.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from hardware import describe

TARGET = 3.0
BATCH = 4


class UsualNet(nn.Module):
    """The reference CNN as a tutorial writes it."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(84, n_classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.head(self.convolutions(images))


def main() -> None:
    """Time both and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("--epochs", type=int, default=10)
    words.add_argument("--jobs", type=int, default=2)
    settings = words.parse_args()
    print(describe())
    ours, examples = _product(settings.data, settings.epochs, settings.jobs)
    threads = min((1, torch.get_num_threads()), key=lambda number: _usual([2000], 1, number))
    usual = _usual(examples, settings.epochs, threads)
    print(f"six experiments of {', '.join(map(str, examples))} images, {settings.epochs} epochs at batch {BATCH}, n=1")
    print(f"usual loop, training alone, {threads} thread(s): {usual:.1f} s")
    print(f"evenhand, whole command, {settings.jobs} workers: {ours:.1f} s")
    print(f"ratio {usual / ours:.2f}, target at least {TARGET}: {'met' if usual / ours >= TARGET else 'MISSED'}")


def _product(data: Path, epochs: int, jobs: int) -> tuple[float, list[int]]:
    """Return the seconds of the whole command, and the images an epoch of each experiment."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evenhand", "compare", str(data), "--preset", "reference"]
        command += ["--set", f"epochs={epochs}", "--jobs", str(jobs), "--out", f"{folder}/run", "--json", "--quiet"]
        start = time.perf_counter()
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        results = json.loads(Path(folder, "run", "results.json").read_text(encoding="utf-8"))
        for row in json.loads(told.stdout)["leaderboard"]:
            print(f"  {row['remedy']}: balanced accuracy {row['balanced_accuracy']:.3f}, {row['seconds']:.0f} s")
        # The experiments train on the part that is not held out; the counts in the results are for all images.
        held = 1 - _held_share(Path(folder, "run"))
        return seconds, [round(sum(row["trained_counts"]) * held) for row in results]


def _held_share(run: Path) -> float:
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    return 1 / (study["settings"]["folds"] or 10)


def _usual(examples: list[int], epochs: int, threads: int) -> float:
    """Return the seconds of one training after the other."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    seconds = 0.0
    for number in examples:
        data = TensorDataset(torch.rand(number, 3, 32, 32) * 2 - 1, torch.randint(0, 3, (number,)))
        start = time.perf_counter()
        _train(data, epochs)
        seconds += time.perf_counter() - start
    torch.set_num_threads(before)
    return seconds


def _train(data: TensorDataset, epochs: int) -> None:
    network = UsualNet(3)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    for _ in range(epochs):
        running = 0.0
        for images, labels in loader:
            optimiser.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            optimiser.step()
            running += loss.item()


if __name__ == "__main__":
    main()
