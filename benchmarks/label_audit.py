"""How well and how fast wrong labels are found: after each round, and by cleanlab's detectors on the same networks.

python benchmarks/label_audit.py DATA TRUTH.csv [--prefix train/] [--preset standard] [--jobs 2] [--out RUN]

TRUTH.csv has the columns path, given and true; `--prefix` is what its paths begin with and those of DATA do not.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from evenhand.auditing.detectors import DETECTORS
from evenhand.pipeline.desk import opened
from evenhand.pipeline.run import audit
from evenhand.progress import SILENT
from evenhand.settings.commands import Settings
from evenhand.study.label_audit import audit_labels
from hardware import describe
from label_quality import describe_quality, read_truth

RANKING = ((480.0, 0.95), (900.0, 0.985))
"""Seconds on 2 cores, and the average precision asked for within them."""
PRECISION, RECALL, OTHERS, AGAIN = 0.95, 0.95, 0.05, 10.0


def main() -> None:
    """Audit round by round, then again, then with every detector."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("truth", type=Path)
    words.add_argument("--prefix", default="")
    words.add_argument("--preset", default="standard")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--out", type=Path, help="keep the run folder")
    settings = words.parse_args()
    print(describe())
    truth = read_truth(settings.truth, settings.prefix)
    with tempfile.TemporaryDirectory() as folder:
        asked = Settings(
            data=settings.data,
            out=settings.out or Path(folder) / "run",
            preset=settings.preset,
            jobs=settings.jobs,
            seed=settings.seed,
        )
        rounds(asked, truth)
        start = time.perf_counter()
        found, _ = audit(asked)
        seconds = time.perf_counter() - start
        print(f"again, from the networks' predictions: {seconds:.1f} s, target {AGAIN:.0f} s: {_met(seconds <= AGAIN)}")
        assert found.wrong_labels is not None
        wrong = found.wrong_labels
        print(f"stated: {wrong.value:.0f} wrong labels ({wrong.low:.0f} to {wrong.high:.0f})")
        print(f"targets: precision {PRECISION}, recall {RECALL}; flagged of each class as filed:")
        print(f"  {shares(asked.out)}; target at most {OTHERS:.0%} of those that are right")
        for name in DETECTORS:
            audit(Settings(**vars(asked) | {"detector": name}))
            print(f"{name}: {describe_quality(asked.out, truth)}")


def rounds(asked: Settings, truth: dict[str, str]) -> None:
    """Carry out the audit's rounds one after the other and say what the ranking is worth after each."""
    start = time.perf_counter()
    with opened(asked, "audit", SILENT) as desk:
        bench, recipe = desk.bench(), desk.recipe(desk.preset.examiner)
        paths = [desk.manifest.paths[row] for row in bench.rows]
        wrong = np.array([truth[path] != bench.classes[label] for path, label in zip(paths, bench.given, strict=True)])
        for number in range(1, len(desk.preset.alone) + 1):
            model = audit_labels(bench, recipe, desk.preset.alone[:number], nested=False).whole
            seconds = time.perf_counter() - start
            figure = average_precision_score(wrong, model.suspicion(bench.given))
            asked_for = [f"{least} by {limit:.0f} s" for limit, least in RANKING if seconds <= limit]
            print(f"round {number}: average precision {figure:.3f} after {seconds:.0f} s; asked for: {asked_for}")


def shares(run: Path) -> str:
    """Return the share of flagged pictures of each class as filed."""
    with (run / "audit/label_issues.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["given"], row["flagged"] == "true") for row in csv.DictReader(file)]
    names = sorted({name for name, _ in rows})
    return ", ".join(f"{name} {np.mean([flag for given, flag in rows if given == name]):.1%}" for name in names)


def _met(condition: bool) -> str:
    return "met" if condition else "MISSED"


if __name__ == "__main__":
    main()
