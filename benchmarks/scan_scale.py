"""Scanning and decoding many small images: peak memory under 2 GB, time linear in their number.

python benchmarks/scan_scale.py [--images 25000 50000 100000] [--jobs 2]

The search for near-duplicates, which follows the scan, has a benchmark of its own: near_duplicates.py.

Each number of images is scanned in a process of its own, whose peak memory (its workers' added) is what is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hardware import describe

TARGET_BYTES = 2_000_000_000
TARGET_SLOPE = 1.15
"""Seconds an image at the largest number over those at the smallest: 1 is exactly linear."""


def main() -> None:
    """Draw, scan and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, nargs="+", default=[25_000, 50_000, 100_000])
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--scan", type=Path, help=argparse.SUPPRESS)
    words.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    settings = words.parse_args()
    if settings.scan:
        _scan(settings.scan, settings.cache, settings.jobs)
        return
    print(describe())
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        for number in sorted(settings.images):
            data = Path(folder) / f"data-{number}"
            _draw(data, number)
            told, peak = _measured(data, Path(folder) / f"cache-{number}", settings.jobs)
            rates.append(told["seconds"] / number)
            print(
                f"n={number} images of 32x32 pixels, {settings.jobs} workers: {told['seconds']:.1f} s "
                f"({rates[-1] * 1e6:.0f} microseconds an image), peak memory {peak / 1e6:.0f} MB of all processes, "
                f"target under {TARGET_BYTES / 1e6:.0f} MB: {'met' if peak < TARGET_BYTES else 'MISSED'}",
                flush=True,
            )
    slope = rates[-1] / rates[0]
    print(f"time an image, largest over smallest set: {slope:.2f}, target at most {TARGET_SLOPE}: ", end="")
    print("met" if slope <= TARGET_SLOPE else "MISSED")


def _draw(data: Path, number: int) -> None:
    """Write `number` small PNG files into three class folders, nine tenths of them in the first."""
    generator = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (data / name).mkdir(parents=True)
    for row in range(number):
        coarse = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        name = "a" if row % 10 else "bc"[row // 10 % 2]
        Image.fromarray(coarse).resize((32, 32)).save(data / name / f"{row:06d}.png", compress_level=1)


def _measured(data: Path, cache: Path, jobs: int) -> tuple[dict[str, float], int]:
    command = [sys.executable, __file__, "--scan", str(data), "--cache", str(cache), "--jobs", str(jobs)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], _memory(child.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = child.communicate()
    done.set()
    watcher.join()
    if child.returncode:
        raise SystemExit(f"the scan failed with exit code {child.returncode}")
    return json.loads(output), peak[0]


def _memory(process: int) -> int:
    """Return the memory of a process and its children in bytes; pages they share, mapped pixels too, count once."""
    total = 0
    for one in [process, *_children(process)]:
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
    except OSError:
        return []
    direct = [int(word) for word in text.split()]
    return direct + [grandchild for child in direct for grandchild in _children(child)]


def _scan(data: Path, cache: Path, jobs: int) -> None:
    from evenhand.auditing.scan import scan

    start = time.perf_counter()
    found = scan(data, cache=cache, jobs=jobs, alike=False)
    print(json.dumps({"seconds": time.perf_counter() - start, "images": len(found.dataset.manifest)}))


if __name__ == "__main__":
    main()
