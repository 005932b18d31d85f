"""What `evenhand tune` gains over the recipe that it searches from, on fresh folds and on pictures with true labels.

python benchmarks/tuning.py FOLDER [--clean FOLDER] [--out RUN] [--time-limit 20m] [--jobs 2] [--recipe reference]
                            [--remedy NAME ...] [--trainings 5]

FOLDER has one folder a class. The search begins at the recipe; the best is held against that recipe with the same
remedy and repair, and against the product's default, on folds that the search did not see. With --clean the three are
trained so many times on all of FOLDER, with other random draws, and judged on pictures that nobody touched before; the
differences of paired trainings have an interval by Student's t.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from evenhand.cli.app import main as evenhand
from evenhand.evaluation.intervals import mean_interval
from hardware import describe


def told(words: list[str]) -> dict[str, Any]:
    """Return what a command says."""
    out = io.StringIO()
    with mock.patch.object(sys, "argv", ["evenhand", *words]), contextlib.redirect_stdout(out):
        try:
            evenhand()
        except SystemExit as end:
            if end.code:
                raise
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def changed(recipe: dict[str, Any]) -> list[str]:
    """Return a recipe as words of a command."""
    names = ("optimiser", "learning_rate", "momentum", "weight_decay", "batch", "schedule", "epochs")
    values = {name: recipe[name] for name in names}
    values |= {f"augmentation.{name}": value for name, value in recipe["augmentation"].items()}
    values |= {"equal_work": recipe["equal_work"], "precision": recipe["precision"]}
    words = []
    for name, value in values.items():
        words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return words


def on_clean(asked: argparse.Namespace, one: dict[str, Any], name: str, scratch: Path) -> list[float]:
    """Return the balanced accuracy on clean pictures of several trainings on all of the data."""
    figures = []
    for seed in range(asked.trainings):
        run = scratch / f"{name}-{seed}"
        words = ["train", str(asked.folder), "--out", str(run), "--remedy", one["remedy"], "--repair", one["repair"]]
        words += ["--preset", "quick", "--model", "simple", "--seed", str(seed), "--jobs", str(asked.jobs)]
        told([*words, *changed(one["recipe"]), "--json", "--quiet"])
        model = ["evaluate", str(run / "model"), str(asked.clean), "--split", "all", "--jobs", str(asked.jobs)]
        figures.append(float(told([*model, "--json"])["balanced_accuracy"]))
        print(f"  {name}, seed {seed}: {100 * figures[-1]:.2f} % on {asked.clean.name}", flush=True)
    return figures


def main() -> None:
    """Search, compare, and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--clean", type=Path)
    words.add_argument("--out", type=Path, default=Path("tuning-benchmark"))
    words.add_argument("--time-limit", default="20m")
    words.add_argument("--preset", default="quick")
    words.add_argument("--recipe", default="reference")
    words.add_argument("--remedy", action="append")
    words.add_argument("--trainings", type=int, default=5)
    words.add_argument("--jobs", type=int, default=2)
    asked = words.parse_args()
    print(describe())
    command = ["tune", str(asked.folder), "--preset", asked.preset, "--recipe", asked.recipe, "--model", "simple"]
    command += ["--time-limit", asked.time_limit, "--jobs", str(asked.jobs), "--out", str(asked.out), "--json"]
    for remedy in asked.remedy or ():
        command += ["--remedy", remedy]
    found = told(command)
    best = found["best"]
    print(
        f"{found['trials']} trials ({found['stopped']} stopped early, {found['trainings']} trainings) in "
        f"{asked.time_limit}: {best['remedy']}, repair {best['repair']}, {best['settings']}"
    )
    print(f"searched {100 * best['searched']:.2f} %, on fresh folds {100 * found['value']:.2f} %")
    for rival in found["against"]:
        low, high = 100 * rival["difference_low"], 100 * rival["difference_high"]
        print(
            f"  beside {rival['name']} ({rival['remedy']}, repair {rival['repair']}) "
            f"{100 * rival['balanced_accuracy']:.2f} %: {100 * rival['difference']:+.2f} points, 95 % interval "
            f"{low:+.2f} to {high:+.2f}, p {rival['p']:.4f}: {rival['verdict']}"
        )
    target = next(rival for rival in found["against"] if rival["name"] == "recipe")
    print(f"target: above the recipe {asked.recipe}, interval without 0: {_met(target['difference_low'] > 0)}")
    if asked.clean is None:
        return
    with tempfile.TemporaryDirectory() as scratch:
        summary = json.loads((asked.out / "tune/summary.json").read_text(encoding="utf-8"))["best"]
        own = np.array(on_clean(asked, summary, "best", Path(scratch)))
        for rival in summary["rivals"]:
            other = np.array(on_clean(asked, rival, rival["name"], Path(scratch)))
            mean, low, high = (100 * end for end in mean_interval(own - other))
            print(
                f"{asked.clean.name}: best {100 * own.mean():.2f} %, {rival['name']} {100 * other.mean():.2f} %, "
                f"difference {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f} over {len(own)} paired "
                f"trainings: {_met(low > 0) if rival['name'] == 'recipe' else 'no target'}"
            )


def _met(holds: bool) -> str:
    return "met" if holds else "MISSED"


if __name__ == "__main__":
    main()
