"""What the settings of a recipe are worth: moving average, colours, policy, holes, mixup, width, length; out of fold.

python benchmarks/recipe_settings.py RUN DATA [--folds 3] [--judged 3] [--remedy balanced-softmax] [--only NAME]

RUN is the folder of a finished `evenhand audit` of the folder DATA. Every training takes the labels as that audit would
have them (flagged images under their suggested label), and is judged on the fold it was not shown, by the same labels:
neither true labels nor another set of pictures are looked at. Differences are to the recipe `standard`, fold by fold.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.model_selection import StratifiedKFold

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.evaluation.metrics import evaluate
from evenhand.remedies.catalogue import plan_for
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.precision import settled
from evenhand.training.predict import predict, softmax
from evenhand.training.recipe import recipe
from hardware import describe

COLOURS = {f"augmentation.{name}": 0.2 for name in ("brightness", "contrast", "saturation")}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("", {}),
    "ema .99": ("", {"ema": 0.99}),
    "ema .998": ("", {"ema": 0.998}),
    "colours .2": ("", COLOURS),
    "trivial policy": ("", {"augmentation.policy": "trivial"}),
    "holes of 8": ("", {"augmentation.cutout": 8}),
    "mixup .2": ("mixup:alpha=0.2+", {}),
    "mixup .2, holes, colours": ("mixup:alpha=0.2+", {"augmentation.cutout": 8} | COLOURS),
    "width 12": ("", {"width": 12}),
    "width 16": ("", {"width": 16}),
    "48 epochs": ("", {"epochs": 48}),
    "72 epochs": ("", {"epochs": 72}),
}


def train(task: tuple[str, int], place: Path, remedy: str, folds: int) -> tuple[float, float, float]:
    """Return balanced accuracy, log-loss and processor seconds of one training, on its held-out fold."""
    name, fold = task
    with np.load(place) as file:
        images, labels = file["images"], file["labels"]
    before, changes = VARIANTS[name]
    asked = settled(recipe("standard", "resnet", **changes), images.shape[1:3])
    train_rows, held = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(images, labels))[fold]
    n_classes = int(labels.max()) + 1
    plan = plan_for(before + remedy, labels[train_rows], n_classes)
    start = time.process_time()
    data = TrainingSet(images[train_rows], labels[train_rows], train_rows.astype(np.int64))
    network = fit(data, plan, asked, n_classes=n_classes, seed=fold).network
    seconds = time.process_time() - start
    offsets = np.asarray(plan.post.logit_offsets if plan.post else 0.0, dtype=np.float32)
    believed = softmax(predict(network, images[held], asked, flips=True) + offsets)
    figures = evaluate(labels[held], believed, [str(k) for k in range(n_classes)])
    return figures.balanced_accuracy.value, figures.log_loss.value, seconds


def main() -> None:
    """Train and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("run", type=Path)
    words.add_argument("data", type=Path)
    words.add_argument("--folds", type=int, default=3)
    words.add_argument("--judged", type=int, help="folds really held out; all when left out")
    words.add_argument("--remedy", default="balanced-softmax")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    words.add_argument("--scratch", type=Path, default=Path("recipe_settings.npz"))
    settings = words.parse_args()
    judged = settings.judged or settings.folds
    n = gather(settings.run, settings.data, settings.scratch)
    print(describe())
    print(f"{n} pictures, {judged} of {settings.folds} folds, remedy {settings.remedy}, one training each")
    work = partial(train, place=settings.scratch, remedy=settings.remedy, folds=settings.folds)
    names = list(dict.fromkeys(["standard", *settings.only]))
    tasks = [(name, fold) for name in names for fold in range(judged)]
    with ProcessPoolExecutor(settings.jobs) as pool:
        found: dict[str, list[tuple[float, float, float]]] = {}
        for (name, _), figures in zip(tasks, pool.map(work, tasks), strict=True):
            found.setdefault(name, []).append(figures)
            if len(found[name]) == judged:
                _tell(name, np.array(found[name]), np.array(found["standard"]), settings.folds)
    settings.scratch.unlink()


def _tell(name: str, table: np.ndarray, plain: np.ndarray, folds: int) -> None:
    difference = table[:, 0] - plain[:, 0]
    interval = ""
    if len(difference) > 1 and name != "standard":
        value, low, high, _ = corrected_resampled_t(difference, 1 / (folds - 1))
        interval = f"; against standard {value:+.4f} ({low:+.4f} to {high:+.4f})"
    print(
        f"{name:28s} balanced accuracy {table[:, 0].mean():.4f}, log-loss {table[:, 1].mean():.3f}, "
        f"{table[:, 2].mean():.0f} s of one core a training{interval}",
        flush=True,
    )


def gather(run: Path, data: Path, place: Path) -> int:
    """Write pixels and the labels of the audit to a file; return how many images there are."""
    classes: list[str] = json.loads((run / "study.json").read_text(encoding="utf-8"))["classes"]
    with (run / "audit/label_issues.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["path"])
    named = [row["suggested"] if row["flagged"] == "true" else row["given"] for row in rows]
    images = np.stack([_pixels(data / row["path"]) for row in rows])
    np.savez(place, images=images, labels=np.array([classes.index(name) for name in named]))
    return len(rows)


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


if __name__ == "__main__":
    main()
