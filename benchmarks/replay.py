"""The reference study replayed: at most 20 minutes on 2 cores, every published accuracy within 5 points or explained.

python benchmarks/replay.py DATA --test DIR --baseline FILE [--jobs 2] [--out RUN] [--truth TRUTH.csv --prefix train/]

DATA, DIR and FILE are the study's own. TRUTH.csv (path, given, true) is read by this script alone: it says how many of
the suspects really are wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from html import unescape
from pathlib import Path
from typing import Any

from hardware import describe
from label_quality import describe_quality, read_truth

TARGET_SECONDS, NEAR = 1200.0, 0.05


def main() -> None:
    """Replay and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("--test", type=Path, required=True)
    words.add_argument("--baseline", type=Path, required=True)
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--out", type=Path, help="keep the run folder")
    words.add_argument("--truth", type=Path)
    words.add_argument("--prefix", default="")
    settings = words.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        run = settings.out or Path(folder) / "run"
        command = [sys.executable, "-m", "evenhand", "reference", str(settings.data), "--test", str(settings.test)]
        command += ["--baseline", str(settings.baseline), "--jobs", str(settings.jobs), "--out", str(run)]
        start = time.perf_counter()
        done = subprocess.run([*command, "--json", "--quiet"], check=True, stdout=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - start
        met = "met" if seconds <= TARGET_SECONDS else "MISSED"
        print(f"{seconds:.0f} s with {settings.jobs} workers, target at most {TARGET_SECONDS:.0f} s: {met}")
        _print(json.loads(done.stdout), unescape((run / "report.html").read_text(encoding="utf-8")))
        if settings.truth:
            print(describe_quality(run, read_truth(settings.truth, settings.prefix)))


def _print(told: dict[str, Any], page: str) -> None:
    for one in ([told["baseline"]] if told["baseline"] else []) + told["experiments"]:
        here, published = one["given"]["accuracy"], one["published_accuracy"]
        near = abs(here - published) <= NEAR
        # The page explains by "Name, +1.2 points: what the report does not say".
        explained = f"{one['name'][:1].upper()}{one['name'][1:]}, " in page
        verdict = "within 5 points" if near else "explained" if explained else "MISSED"
        print(f"{one['name']}: published {published:.4f}, here {here:.4f}, {100 * (here - published):+.1f}: {verdict}")
    print("balanced accuracy on the labels as given, and expected on the true ones:")
    for one in [*told["experiments"], told["final"], *told["undone"]]:
        expected = one["expected"]["balanced_accuracy"]
        print(
            f"  {one['name']}, {one['epochs']} epochs, repair {one['repair']}: "
            f"{one['given']['balanced_accuracy']:.3f}, {expected['value']:.3f} "
            f"({expected['low']:.3f} to {expected['high']:.3f})"
        )
    verdicts = [f"{row['rate']:g} {row['verdict']}" for row in told["rates"] or ()]
    print(f"learning rates: {', '.join(verdicts)}")
    for one in told["attacks"]:
        print(f"{one['settings']['attack']}, eps {one['eps']}: succeeds in {one['success_rate']}")
    print(f"wrong labels estimated: {told['wrong_labels_estimate']}, suspects: {told['suspects']}")


if __name__ == "__main__":
    main()
