"""How well the wrong labels were found: average precision of the ranking, precision and recall of what is flagged.

python benchmarks/label_quality.py RUN TRUTH.csv [--prefix train/]

TRUTH.csv has the columns path, given and true; `--prefix` is what its paths begin with and those of the run do not.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score


def main() -> None:
    """Read and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("run", type=Path)
    words.add_argument("truth", type=Path)
    words.add_argument("--prefix", default="")
    settings = words.parse_args()
    print(describe_quality(settings.run, read_truth(settings.truth, settings.prefix)))


def read_truth(path: Path, prefix: str = "") -> dict[str, str]:
    """Return the true label by path."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["path"].removeprefix(prefix): row["true"] for row in csv.DictReader(file)}


def describe_quality(run: Path, truth: dict[str, str]) -> str:
    """Return a line on what ``audit/label_issues.csv`` of a run is worth."""
    with (run / "audit/label_issues.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"] in truth]
    wrong = np.array([truth[row["path"]] != row["given"] for row in rows])
    flagged = np.array([row["flagged"] == "true" for row in rows])
    suspicion = np.array([float(row["suspicion"]) for row in rows])
    hits = int((wrong & flagged).sum())
    return (
        f"n={len(rows)} images, {int(wrong.sum())} wrong: average precision "
        f"{average_precision_score(wrong, suspicion):.3f}, flagged {int(flagged.sum())}, "
        f"precision {hits / max(1, int(flagged.sum())):.3f}, recall {hits / max(1, int(wrong.sum())):.3f}"
    )


if __name__ == "__main__":
    main()
