"""What automatic repair is worth: how far it goes from the figure without repair to that of a training on true labels.

python benchmarks/repair_worth.py RUN TRUTH.csv CLEAN [--prefix train/] [--seeds 5] [--remedy none] [--jobs 2]

RUN is the folder of a finished `evenhand audit` of the pictures that TRUTH.csv (path, given, true) tells of; CLEAN a
folder of one folder a class. The same plain recipe is trained with the same seeds, order and crops on the labels as
given, as the audit would have them (every flagged image under its suggested label), and as they truly are.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from evenhand.evaluation.metrics import evaluate
from evenhand.remedies.catalogue import plan_for
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.precision import settled
from evenhand.training.predict import predict, softmax
from evenhand.training.recipe import recipe
from hardware import describe

TARGET = 0.90
KINDS = ("given", "repaired", "true")


def train(task: tuple[Path, str, int, str]) -> float:
    """Return the balanced accuracy on the clean pictures of one training."""
    place, kind, seed, remedy = task
    with np.load(place) as file:
        images, labels, test, test_labels = file["images"], file[kind], file["test"], file["test_labels"]
    asked = settled(recipe("standard", "resnet"), images.shape[1:3])
    n_classes = int(test_labels.max()) + 1
    data = TrainingSet(images, labels, np.arange(len(labels)))
    fitted = fit(data, plan_for(remedy, labels, n_classes), asked, n_classes=n_classes, seed=seed)
    believed = softmax(predict(fitted.network, test, asked, flips=True))
    return evaluate(test_labels, believed, [str(k) for k in range(n_classes)]).balanced_accuracy.value


def main() -> None:
    """Train and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("run", type=Path)
    words.add_argument("truth", type=Path)
    words.add_argument("clean", type=Path)
    words.add_argument("--prefix", default="")
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--remedy", default="none")
    words.add_argument("--jobs", type=int, default=2)
    settings = words.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(settings.jobs) as pool:
        place = Path(folder) / "pictures.npz"
        np.savez(place, **gather(settings.run, settings.truth, settings.clean, settings.prefix))
        tasks = [(place, kind, seed, settings.remedy) for seed in range(settings.seeds) for kind in KINDS]
        table = np.array(list(pool.map(train, tasks))).reshape(settings.seeds, len(KINDS))
    for kind, column in zip(KINDS, table.T, strict=True):
        print(
            f"labels {kind}: balanced accuracy {column.mean():.4f} (each {', '.join(f'{one:.4f}' for one in column)})"
        )
    way, low, high = share(table)
    print(
        f"repair goes {way:.2f} of the way ({low:.2f} to {high:.2f}, 95 % bootstrap over seeds), n={settings.seeds} "
        f"paired seeds, remedy {settings.remedy}, target at least {TARGET}: {'met' if way >= TARGET else 'MISSED'}"
    )


def share(table: np.ndarray) -> tuple[float, float, float]:
    """Return how far repair goes, with an interval from drawing the seeds again."""
    draw = np.random.default_rng(0)
    again = [table[draw.integers(0, len(table), len(table))].mean(axis=0) for _ in range(4000)]

    def way(means: np.ndarray) -> float:
        return float((means[1] - means[0]) / (means[2] - means[0]))

    low, high = np.percentile([way(means) for means in again], [2.5, 97.5])
    return way(table.mean(axis=0)), float(low), float(high)


def gather(run: Path, truth: Path, clean: Path, prefix: str) -> dict[str, np.ndarray]:
    """Return pixels and the three kinds of labels of the training pictures, and pixels and labels of the clean ones."""
    classes: list[str] = json.loads((run / "study.json").read_text(encoding="utf-8"))["classes"]
    with truth.open(encoding="utf-8", newline="") as file:
        true = {row["path"].removeprefix(prefix): row["true"] for row in csv.DictReader(file)}
    with (run / "audit/label_issues.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted((row for row in csv.DictReader(file) if row["path"] in true), key=lambda row: row["path"])
    repaired = [row["suggested"] if row["flagged"] == "true" else row["given"] for row in rows]
    test = [(path, name) for name in classes for path in sorted((clean / name).iterdir())]
    return {
        "images": np.stack([_pixels(truth.parent / f"{prefix}{row['path']}") for row in rows]),
        "given": np.array([classes.index(row["given"]) for row in rows]),
        "repaired": np.array([classes.index(name) for name in repaired]),
        "true": np.array([classes.index(true[row["path"]]) for row in rows]),
        "test": np.stack([_pixels(path) for path, _ in test]),
        "test_labels": np.array([classes.index(name) for _, name in test]),
    }


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


if __name__ == "__main__":
    main()
