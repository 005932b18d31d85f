"""The main job on real pictures: at most 15 minutes on 2 cores, balanced accuracy on clean labels at least .90.

python benchmarks/real_run.py DATA --test CLEAN [--preset standard] [--jobs 2] [--truth TRUTH.csv --prefix train/]

DATA is a lopsided folder with wrong labels in it; CLEAN a balanced one with right ones. The product sees the labels of
CLEAN once, after everything is decided; TRUTH.csv (path, given, true) is read by this script alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hardware import describe
from label_quality import describe_quality, read_truth

TARGET_SECONDS, TARGET_FIGURE = 900.0, 0.90


def main() -> None:
    """Run and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("--test", type=Path, required=True)
    words.add_argument("--preset", default="standard")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--truth", type=Path)
    words.add_argument("--prefix", default="")
    words.add_argument("--out", type=Path, help="keep the run folder")
    settings = words.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        run = settings.out or Path(folder) / "run"
        command = [sys.executable, "-m", "evenhand", "run", str(settings.data), "--test", str(settings.test)]
        command += ["--preset", settings.preset, "--jobs", str(settings.jobs), "--seed", str(settings.seed)]
        command += ["--out", str(run), "--json", "--quiet"]
        start = time.perf_counter()
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        seconds = time.perf_counter() - start
        _print(told, seconds, settings.jobs)
        if settings.truth:
            print(describe_quality(run, read_truth(settings.truth, settings.prefix)))


def _print(told: dict[str, dict[str, float]], seconds: float, jobs: int) -> None:
    test, wrong = told["test"], told["wrong_labels_estimate"]
    print(
        f"{seconds:.0f} s with {jobs} workers, target at most {TARGET_SECONDS:.0f} s: "
        f"{'met' if seconds <= TARGET_SECONDS else 'MISSED'}"
    )
    figure, low, high = (test[f"balanced_accuracy{end}"] for end in ("", "_low", "_high"))
    print(
        f"balanced accuracy on clean labels {figure:.4f} ({low:.4f} to {high:.4f}), n={test['n']}, target at least "
        f"{TARGET_FIGURE}: {'met' if figure >= TARGET_FIGURE else 'MISSED'}"
    )
    print(f"chose {told['chosen']}, tied with {told['ties']}")
    print(f"wrong labels estimated: {wrong}")


if __name__ == "__main__":
    main()
