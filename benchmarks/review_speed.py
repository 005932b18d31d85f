"""The review page at 50,000 pictures: what a key costs the server, at most 100 ms.

python benchmarks/review_speed.py [--images 50000] [--decided 20000] [--runs 15]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from evenhand.auditing.ledger import append, edit
from evenhand.review.queue import read_queue
from evenhand.review.session import Session
from hardware import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "review"))
from conftest import build

TARGET = 0.1


def main() -> None:
    """Time every request a key can cause and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=50_000)
    words.add_argument("--decided", type=int, default=20_000)
    words.add_argument("--runs", type=int, default=15)
    settings = words.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        run = build(Path(folder), n=settings.images, wrong=settings.images // 10, side=32, tested=10)
        queue = read_queue(run)
        hashes = queue.manifest.pixel_sha256[-settings.decided - 10 : -10]
        append(run / "edits.jsonl", [edit("keep", "me", pixel_sha256=name, given="Cars") for name in hashes])
        session = Session(run, queue, "me")
        session.neighbours.ready(60)
        for name, work in {
            "decide": lambda: session.decide([(int(session.rows("suspects")[0]), "keep", "")]),
            "next picture": lambda: session.item("suspects", 1, undecided=True),
            "grid of 40": lambda: session.grid("suspects", 0, 40),
            "state": session.state,
            "image": lambda: session.png(7),
            "undo": lambda: session.undo("suspects"),
        }.items():
            times = []
            for _ in range(settings.runs):
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
            middle = sorted(times)[len(times) // 2]
            print(
                f"{name}: median {middle * 1e3:.1f} ms of {settings.runs}, worst {max(times) * 1e3:.1f} ms, "
                f"target {TARGET * 1e3:.0f} ms: {'met' if middle <= TARGET else 'MISSED'}"
            )


if __name__ == "__main__":
    main()
