"""How long a comparison takes where every training stands on the features of a frozen backbone.

python benchmarks/frozen_features.py DATA [--backbone hf:NAME_OR_FOLDER] [--jobs 2]

DATA is a folder with one folder a class; for the figure car-truck-cat/train with its 5,625 pictures. Without --backbone
a tiny vision transformer with random weights is made: what is measured is the time of everything after the backbone.
Twelve remedies, five folds and three seeds are 180 trainings, all carried out to the end. On the clock are the features
of all pictures, the workers' start and the trainings; decoding is not, nor are intervals and the report, which take as
long with any network. No remedy shares its trainings with another one. The processor time of the same work, all
processes together, says what a busy machine hides.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from evenhand.auditing.duplicates import training_rows
from evenhand.auditing.scan import scan
from evenhand.engines.local import LocalEngine
from evenhand.models.pretrained import Backbone, find
from evenhand.progress import SILENT
from evenhand.store import RunFolder
from evenhand.study.bench import Bench
from evenhand.study.trial import Workplace
from evenhand.training.frozen import keep_features
from evenhand.training.precision import settled
from evenhand.training.recipe import recipe
from hardware import describe

SECONDS = 60.0
FOLDS, SEEDS = 5, 3
REMEDIES = (
    "none", "augment", "oversample", "undersample", "sampler", "class-weights", "effective-number", "focal",
    "balanced-softmax", "ldam-drw", "mixup", "smote",
)  # fmt: skip
SIDE = 32


def main() -> None:
    """Measure, and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("--backbone", help="hf:NAME_OR_FOLDER; by default a tiny one is made")
    words.add_argument("--jobs", type=int, default=2, help="worker processes")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backbone = find(asked.backbone or f"hf:{tiny(folder / 'tiny')}")
        found = scan(asked.data, cache=folder / "cache", size=(SIDE, SIDE), jobs=asked.jobs, alike=False)
        with RunFolder.claim(folder / "run", settings={}, command="compare") as run:
            before = sum(os.times()[:4])
            looking, training, trainings = study(found.dataset, run, backbone, asked.jobs)
            computed = sum(os.times()[:4]) - before
    total, n = looking + training, len(found.dataset.manifest)
    print(f"{len(REMEDIES)} remedies x {FOLDS} folds x {SEEDS} seeds: {total:.1f} s (target: under {SECONDS:.0f} s)")
    print(
        f"  features of the pictures and their mirror images: {looking:.1f} s; {trainings} trainings: {training:.1f} s"
    )
    print(f"  processor time: {computed:.1f} s, on {asked.jobs} cores at least {computed / asked.jobs:.1f} s")
    print(f"  {backbone.name}, n = {n}, {asked.jobs} workers; {describe()}, transformers {version('transformers')}")
    print("reached" if total < SECONDS else "missed")


def study(dataset: Any, run: RunFolder, backbone: Backbone, jobs: int) -> tuple[float, float, int]:
    """Return the seconds of looking and of training, and how many trainings there were."""
    manifest = dataset.manifest
    pixels = Path(dataset.pixels.filename)
    start = time.perf_counter()
    with LocalEngine(jobs) as engine:
        keep_features(pixels, backbone, engine)
        looked = time.perf_counter()
        places = ((backbone.name, str(backbone.folder)),)
        workplace = Workplace(run.path, pixels, len(manifest.classes), "cpu", backbones=places)
        rows = training_rows(manifest)
        bench = Bench(run, dataset, workplace, rows, folds=FOLDS, seed=0, engine=engine, progress=SILENT)
        asked = settled(recipe("standard", backbone.name), (SIDE, SIDE))
        trials = [
            bench.trial(remedy, asked, held=[fold], number=seed)
            for remedy in REMEDIES
            for seed in range(SEEDS)
            for fold in range(FOLDS)
        ]
        done = bench.carry_out(trials, "Training on features")
    return looked - start, time.perf_counter() - looked, len(done)


def tiny(folder: Path) -> Path:
    """Save a tiny vision transformer with random weights, and return its folder."""
    from transformers import AutoConfig, AutoModel, utils

    utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    made: Any = AutoModel
    made.from_config(AutoConfig.for_model("vit", **sizes, image_size=SIDE, patch_size=8)).save_pretrained(folder)
    processor = {"size": {"height": SIDE, "width": SIDE}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
