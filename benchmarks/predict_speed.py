"""How fast `predict` is beside decoding alone, and what memory it takes for 1,000 and for 100,000 files.

python benchmarks/predict_speed.py [--images 4000] [--photos 200] [--photo 4000x3000] [--many 100000] [--runs 3]

Small files are JPEGs of 32x32 pixels, photos JPEGs of --photo pixels that are brought to 224x224; the model is
`simple`. Decoding alone is the same decoding, in the same processes, with nothing after it. Both are timed from the
first batch on, so that starting processes counts in neither. For the memory, 1,000 and then --many names of the same
files go through `predict` in a process of its own. Targets: 90 % at 224 pixels, 60 % at 32, and no growth of memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from evenhand.engines.local import cores
from evenhand.predicting.asking import answered
from evenhand.predicting.decoding import decoded
from evenhand.predicting.inputs import Inputs
from evenhand.training.model_file import save_model
from hardware import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from handed_over import model as sharpened

PEAK = """
import sys
from pathlib import Path
from evenhand.cli.app import main
sys.argv = ["evenhand", *sys.argv[1:]]
try: main()
except SystemExit as end: assert not end.code, end.code
# Not getrusage: a process begins with the peak of the one that started it.
told = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in told if line.startswith("VmHWM")), file=sys.stderr)
"""


def main() -> None:
    """Write files, time both ways, measure memory, print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=4_000)
    words.add_argument("--photos", type=int, default=200)
    words.add_argument(
        "--photo", default="4000x3000", help="width x height; 12 million pixels, as telephones take them"
    )
    words.add_argument("--many", type=int, default=100_000)
    words.add_argument("--runs", type=int, default=3)
    settings = words.parse_args()
    print(describe())
    width, height = (int(side) for side in settings.photo.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        missed = _compare(_write(folder / "photos", settings.photos, (height, width)), 224, 0.9, settings.runs, folder)
        small = _write(folder / "small", settings.images, (32, 32))
        missed |= _compare(small, 32, 0.6, settings.runs, folder)
        missed |= _memory(small, folder, settings.many)
    sys.exit(missed)


def _write(folder: Path, n: int, size: tuple[int, int]) -> Path:
    """Write JPEGs with edges and some noise; photos are twenty different ones under many names."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(n):
        place = folder / f"{number:06d}.jpg"
        if number >= 20 and max(size) > 100:
            place.write_bytes((folder / f"{number % 20:06d}.jpg").read_bytes())
            continue
        coarse = generator.integers(0, 256, (max(4, size[0] // 40), max(4, size[1] // 40), 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BICUBIC))
        image = (smooth + generator.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(image).save(place, quality=90)
    return folder


def _compare(folder: Path, side: int, target: float, runs: int, scratch: Path) -> bool:
    """Time decoding alone and predicting in turn, and print; return whether the target is missed."""
    made, jobs = sharpened("simple", (side, side)), cores()
    made = replace(made, recipe=replace(made.recipe, channels_last=True))  # as nearly every run finds it fastest
    alone, whole = [], []
    for _ in range(runs):
        alone.append(_rate(len(batch.items) for batch in _decoded(folder, side, scratch, jobs)))
        asked = answered(made, _decoded(folder, side, scratch, jobs), threads=jobs)
        whole.append(_rate(len(batch.items) for batch, _ in asked))
    share = float(np.median([after / before for before, after in zip(alone, whole, strict=True)]))
    print(
        f"simple at {side} pixels, {len(list(folder.iterdir()))} files, {jobs} processes, median of {runs}: decoding "
        f"alone {np.median(alone):,.0f} files/s, predicting {np.median(whole):,.0f} files/s: {share:.0%} "
        f"(target {target:.0%}): {'met' if share >= target else 'MISSED'}",
        flush=True,
    )
    return share < target


def _decoded(folder: Path, side: int, scratch: Path, jobs: int) -> Iterator:
    return decoded(Inputs((str(folder),), scratch), (side, side), scratch, jobs=jobs)


def _rate(counts: Iterable[int]) -> float:
    """Return files a second, from the end of the first batch to that of the last."""
    counted = iter(counts)
    next(counted)
    start, total = time.perf_counter(), 0
    for count in counted:
        total += count
    return total / (time.perf_counter() - start)


def _memory(folder: Path, scratch: Path, many: int) -> bool:
    """Measure the largest memory of `predict` for few and for many names, and print; return whether it grows."""
    save_model(sharpened("simple", (32, 32)), scratch / "model", {})
    files = sorted(folder.iterdir())
    peaks = []
    for n in (1_000, many):
        listed = scratch / f"{n}.csv"
        listed.write_text(
            "path\n" + "".join(f"{files[number % len(files)]}\n" for number in range(n)), encoding="utf-8"
        )
        command = [sys.executable, "-c", PEAK, "predict", str(scratch / "model"), str(listed), "--quiet"]
        done = subprocess.run([*command, "--out", str(scratch / "out.csv")], capture_output=True, text=True, check=True)
        peaks.append(int(done.stderr.split()[-1]))
        with (scratch / "out.csv").open(encoding="utf-8") as rows:
            assert sum(1 for _ in rows) == n + 1
    grown = peaks[1] - peaks[0]
    flat = grown <= 0.1 * peaks[0]
    print(
        f"memory of predict: {peaks[0]} MB for 1,000 files, {peaks[1]} MB for {many:,}: {grown:+d} MB "
        f"(target: within 10 %): {'met' if flat else 'MISSED'}"
    )
    return not flat


if __name__ == "__main__":
    main()
