"""The demo, as a newcomer runs it: at most 120 s after installation, and a verdict that names the planted label errors.

python benchmarks/demo_run.py [--runs 1] [--jobs 2]
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from html import unescape
from pathlib import Path

from hardware import describe
from label_quality import describe_quality, read_truth

TARGET_SECONDS = 120.0


def main() -> None:
    """Run the demo and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=1)
    words.add_argument("--jobs", type=int, default=2)
    settings = words.parse_args()
    print(describe())
    for number in range(settings.runs):
        with tempfile.TemporaryDirectory() as folder:
            _once(Path(folder), settings.jobs, number)


def _once(folder: Path, jobs: int, number: int) -> None:
    command = [sys.executable, "-m", "evenhand", "demo", "--jobs", str(jobs), "--json", "--quiet"]
    start = time.perf_counter()
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout)
    seconds = time.perf_counter() - start
    print(
        f"run {number + 1}: {seconds:.0f} s with {jobs} workers, target at most {TARGET_SECONDS:.0f} s: "
        f"{'met' if seconds <= TARGET_SECONDS else 'MISSED'}"
    )
    run = folder / told["run"]
    truth = read_truth(folder / "demo/data/truth.csv")
    with (run / "manifest.csv").open(encoding="utf-8", newline="") as file:
        planted = sum(truth[row["path"]] != row["given"] for row in csv.DictReader(file) if row["split"] == "train")
    estimate = told["wrong_labels_estimate"]
    figure = told["test"]
    print(
        f"  planted {planted} wrong training labels; stated {estimate['value']:.0f} "
        f"({estimate['low']:.0f} to {estimate['high']:.0f}); {describe_quality(run, truth)}"
    )
    print(
        f"  chose {told['chosen']['remedy']} / {told['chosen']['repair']}; balanced accuracy on the given test labels "
        f"{figure['balanced_accuracy']:.3f}, n={figure['n']}"
    )
    verdict = _verdict(run / "report.html")
    names = "Cats" in verdict and "Cars" in verdict and "wrong" in verdict
    print(f"  the verdict names the planted label errors: {'met' if names else 'MISSED'}\n  {verdict[:600]}")


def _verdict(report: Path) -> str:
    """Return the text of the report's first section."""
    page = report.read_text(encoding="utf-8")
    found = re.search(r'<section id="verdict".*?</section>', page, re.DOTALL)
    text = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", found.group(0) if found else "", flags=re.DOTALL)
    return " ".join(unescape(text).split())


if __name__ == "__main__":
    main()
