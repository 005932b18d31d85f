"""How near the suggestion of `evenhand lr --find` comes to the best rate of a fine grid, trained in full.

python benchmarks/rate_finder.py [FOLDER ...] [--scale 0.2] [--digits 1200] [--epochs N] [--tests 3] [--jobs 2]

The demo set, a set of ten drawn digits, and each FOLDER of pictures, one folder a class, with SGD and with AdamW. The
grid has 13 rates from 1e-4 to 1, each 2.15 times the one before; its best has the lowest loss on images held out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from evenhand.cli.app import main as evenhand
from evenhand.data.demo import make_demo
from hardware import describe

TARGET = 3.0
GRID = "1e-4:1:13"
OPTIMISERS = ("sgd", "adamw")


def digits(folder: Path, number: int) -> None:
    """Draw so many pictures of the ten digits, in any colours, sizes and places, the later digits ever rarer."""
    random = np.random.default_rng(0)
    share = 0.75 ** np.arange(10)
    for digit, count in enumerate(np.maximum(12, number * share / share.sum()).astype(int)):
        place = folder / f"{digit}"
        place.mkdir(parents=True)
        for row in range(count):
            ground = random.integers(0, 256, 3)
            picture = Image.new("RGB", (32, 32), tuple(ground.tolist()))
            ink = tuple(((ground + random.integers(80, 176, 3)) % 256).tolist())
            font = ImageFont.load_default(size=int(random.integers(14, 27)))
            corner = tuple(random.integers(0, 12, 2).tolist())
            ImageDraw.Draw(picture).text(corner, str(digit), fill=ink, font=font)
            noisy = np.asarray(picture, dtype=float) + random.normal(0, 25, (32, 32, 3))
            Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(place / f"{row:04}.png")


def sets(settings: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and folder of each data set."""
    make_demo(scratch / "demo", scale=settings.scale)
    yield f"demo, scale {settings.scale:g}", scratch / "demo" / "train"
    digits(scratch / "digits", settings.digits)
    yield "ten digits", scratch / "digits"
    for folder in settings.folder:
        yield str(folder.name), folder


def told(words: list[str]) -> dict[str, object]:
    """Return what a command says."""
    out = io.StringIO()
    with mock.patch.object(sys, "argv", ["evenhand", *words]), contextlib.redirect_stdout(out):
        try:
            evenhand()
        except SystemExit as end:
            if end.code:
                raise
    answer: dict[str, object] = json.loads(out.getvalue())
    return answer


def main() -> None:
    """Find, train the grid, and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path, nargs="*")
    words.add_argument("--scale", type=float, default=0.2)
    words.add_argument("--digits", type=int, default=1200)
    words.add_argument("--epochs", type=int)
    words.add_argument("--tests", type=int, default=3)
    words.add_argument("--jobs", type=int, default=2)
    settings = words.parse_args()
    print(describe())
    factors = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder in sets(settings, Path(scratch)):
            for optimiser in OPTIMISERS:
                asked = [
                    "lr",
                    str(folder),
                    "--find",
                    "--tests",
                    str(settings.tests),
                    "--grid",
                    GRID,
                    "--json",
                    "--quiet",
                ]
                asked += ["--set", f"optimiser={optimiser}", "--jobs", str(settings.jobs)]
                asked += ["--epochs", str(settings.epochs)] if settings.epochs else []
                found = told([*asked, "--out", str(Path(scratch) / f"run-{len(factors)}")])
                finder, best = found["finder"], found["best"]
                factor = max(finder["suggested"] / best, best / finder["suggested"]) if best else float("inf")
                factors.append(factor)
                tied = [row["rate"] for row in found["rates"] if row["tied"]]
                reach = f"{finder['low']:g} to {finder['high']:g}" if finder["low"] else "no interval"
                print(
                    f"{name}, {optimiser}: suggested {finder['suggested']:g} ({reach}); "
                    f"best of the grid {best}, tied with it {tied}: factor {factor:.2f}",
                    flush=True,
                )
    worst = max(factors)
    print(f"worst factor {worst:.2f} of n={len(factors)}, target {TARGET:g}: {'met' if worst <= TARGET else 'MISSED'}")


if __name__ == "__main__":
    main()
