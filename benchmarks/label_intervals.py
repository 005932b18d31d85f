"""How often the true number of wrong labels lies inside the stated 95 % interval: labels spoilt anew again and again.

python benchmarks/label_intervals.py DATA TRUTH.csv [--replicates 20] [--first 0] [--share 0.5] [--preset quick]
    [--jobs 2]

TRUTH.csv has the columns path and true; paths begin in the folder it lies in, and only those inside DATA are used. Each
replicate draws a share of the pictures, takes their true labels, makes some of them wrong as a set-up says, and audits
them like anybody's data. At most half the value is the width asked for at 8 % and above; without any wrong label at
most 1 % of the images may be flagged.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score

from evenhand.evaluation.intervals import wilson
from evenhand.pipeline.run import audit
from evenhand.settings.commands import Settings
from hardware import describe

COVERAGE, WIDTH, FALSE_ALARMS = 0.90, 0.5, 0.01


def one_way(labels: np.ndarray, draw: np.random.Generator, source: int, target: int, share: float) -> np.ndarray:
    """Return labels of which `share` of all are moved from one class to another, never more than two thirds of it.

    Classes are numbered by how many images they have, the largest first.
    """
    by_size = np.argsort(-np.bincount(labels), kind="stable")
    members = np.flatnonzero(labels == by_size[source])
    number = min(round(share * len(labels)), 2 * len(members) // 3)
    spoilt = labels.copy()
    spoilt[draw.choice(members, number, replace=False)] = by_size[target]
    return spoilt


def symmetric(labels: np.ndarray, draw: np.random.Generator, share: float) -> np.ndarray:
    """Return labels of which a random `share` is another class, each other class alike."""
    chosen = draw.choice(len(labels), round(share * len(labels)), replace=False)
    spoilt = labels.copy()
    n_classes = int(labels.max()) + 1
    spoilt[chosen] = (labels[chosen] + draw.integers(1, n_classes, len(chosen))) % n_classes
    return spoilt


SETUPS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "second class called the largest, 8 %": partial(one_way, source=1, target=0, share=0.08),
    "largest class called the third, 8 %": partial(one_way, source=0, target=2, share=0.08),
    "none wrong": partial(symmetric, share=0.0),
    "symmetric, 2 %": partial(symmetric, share=0.02),
    "symmetric, 8 %": partial(symmetric, share=0.08),
    "symmetric, 20 %": partial(symmetric, share=0.20),
}


@dataclass(frozen=True)
class Found:
    """What one audit said, and what was true."""

    images: int
    wrong: int
    value: float
    low: float
    high: float
    flagged: int
    hits: int
    precision: float

    @property
    def covered(self) -> bool:
        """Whether the truth lies inside the interval."""
        return self.low <= self.wrong <= self.high


def replicate(task: tuple[str, int, Path, float, str]) -> Found:
    """Spoil, audit, compare."""
    name, number, pictures, share, preset = task
    with np.load(pictures) as file:
        images, true, classes = file["images"], file["labels"], file["classes"]
    draw = np.random.default_rng([number, list(SETUPS).index(name)])
    chosen = np.sort(draw.choice(len(true), round(share * len(true)), replace=False))
    images, true = images[chosen], true[chosen]
    given = SETUPS[name](true, draw)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "spoilt.npz"
        np.savez(data, images=images, labels=given, classes=classes)
        found, _ = audit(Settings(data=data, out=Path(folder) / "run", preset=preset, jobs=1, seed=number))
    assert found.wrong_labels is not None
    # The reader names the images of an array by their number.
    rows = np.array([int("".join(filter(str.isdigit, Path(issue.path).name))) for issue in found.issues])
    wrong = (given != true)[rows]
    flagged = np.array([issue.flagged for issue in found.issues])
    suspicion = np.array([issue.suspicion for issue in found.issues])
    return Found(
        images=len(rows),
        wrong=int(wrong.sum()),
        value=found.wrong_labels.value,
        low=found.wrong_labels.low,
        high=found.wrong_labels.high,
        flagged=int(flagged.sum()),
        hits=int((flagged & wrong).sum()),
        precision=float(average_precision_score(wrong, suspicion)) if wrong.any() else float("nan"),
    )


def main() -> None:
    """Run all replicates and print a line a set-up."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("truth", type=Path)
    words.add_argument("--replicates", type=int, default=20)
    words.add_argument("--first", type=int, default=0, help="number of the first replicate: go on where a run ended")
    words.add_argument("--share", type=float, default=0.5, help="of the pictures, in each replicate")
    words.add_argument("--preset", default="quick")
    words.add_argument("--jobs", type=int, default=2)
    settings = words.parse_args()
    print(describe())
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(settings.jobs) as pool:
        pictures = Path(folder) / "pictures.npz"
        gather(settings.data, settings.truth, pictures)
        # All set-ups advance together: what is interrupted has about equally many replicates of each.
        tasks = [
            (name, number, pictures, settings.share, settings.preset)
            for number in range(settings.first, settings.replicates)
            for name in SETUPS
        ]
        results: dict[str, list[Found]] = {name: [] for name in SETUPS}
        for task, found in zip(tasks, pool.map(replicate, tasks), strict=True):
            results[task[0]].append(found)
            print(
                f"  {task[0]}: {found.wrong} wrong, stated {found.value:.0f} ({found.low:.0f} to {found.high:.0f})",
                flush=True,
            )
    for name, found in results.items():
        print(line(name, found))
    print(f"{time.perf_counter() - start:.0f} s with {settings.jobs} processes, preset {settings.preset}")


def gather(data: Path, truth: Path, to: Path) -> None:
    """Write pixels, true labels and class names of the pictures of DATA that TRUTH.csv knows."""
    with truth.open(encoding="utf-8", newline="") as file:
        rows = [(truth.parent / row["path"], row["true"]) for row in csv.DictReader(file)]
    rows = [(path, true) for path, true in rows if path.resolve().is_relative_to(data.resolve())]
    classes = sorted({true for _, true in rows})
    images = []
    for path, _ in rows:
        with Image.open(path) as picture:
            images.append(np.asarray(picture.convert("RGB")))
    labels = np.array([classes.index(true) for _, true in rows])
    np.savez(to, images=np.stack(images), labels=labels, classes=np.array(classes))


def line(name: str, found: list[Found]) -> str:
    """Return the figures of a set-up in words."""
    inside = sum(one.covered for one in found)
    low, high = (float(end) for end in wilson(inside, len(found)))
    told = (
        f"{name}: n={len(found)} of {found[0].images} images, {np.mean([one.wrong for one in found]):.0f} wrong; "
        f"inside the interval {inside} ({low:.2f} to {high:.2f}), target {COVERAGE:.0%}: "
        f"{'met' if inside >= COVERAGE * len(found) else 'MISSED'}; mean estimate "
        f"{np.mean([one.value for one in found]):.0f}; "
    )
    if found[0].wrong == 0:
        share = float(np.mean([one.flagged / one.images for one in found]))
        return (
            told + f"flagged {share:.2%}, target at most {FALSE_ALARMS:.0%}: " + ("met" if share <= 0.01 else "MISSED")
        )
    width = float(np.mean([(one.high - one.low) / max(one.value, 1e-9) for one in found]))
    hits, flagged, wrong = (sum(getattr(one, part) for one in found) for part in ("hits", "flagged", "wrong"))
    told += f"width {width:.2f} of the value"
    if wrong / sum(one.images for one in found) >= 0.079:
        told += f", target at most {WIDTH}: {'met' if width <= WIDTH else 'MISSED'}"
    return told + (
        f"; average precision {np.mean([one.precision for one in found]):.3f}, precision {hits / max(flagged, 1):.3f}, "
        f"recall {hits / wrong:.3f}"
    )


if __name__ == "__main__":
    main()
