"""A small run on made-up images, worked on in this process: nothing here waits for workers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from evenhand.data.manifest import Dataset, Manifest
from evenhand.progress import SILENT, Progress, Tick
from evenhand.records.values import Ints, Pixels
from evenhand.store import RunFolder
from evenhand.study.bench import Bench
from evenhand.study.trial import Workplace
from evenhand.training.recipe import Recipe

K = TypeVar("K")
V = TypeVar("V")

RECIPE = Recipe(model="simple", epochs=1, batch=16, precision="float32", channels_last=False)
CLASSES = ("a", "b", "c")
N = 60


class Inline:
    """An engine without workers, which remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def map(self, function: Callable[[K], V], keys: Sequence[K], tick: Tick | None = None) -> list[V]:
        self.given += keys
        results = []
        for key in keys:
            results.append(function(key))
            if tick:
                tick(1)
        return results


def labels() -> Ints:
    return np.array([0] * 36 + [1] * 14 + [2] * 10, dtype=np.int64)


def pixels() -> Pixels:
    """Return images whose colour tells the class, more or less."""
    colours = np.array([[160, 90, 90], [90, 160, 90], [90, 90, 160]])[labels()]
    noise = np.random.default_rng(0).normal(0, 40, (N, 16, 16, 3))
    return np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8)


def manifest(**changes: Any) -> Manifest:
    names = tuple(f"{number:02}.png" for number in range(N))
    plain = Manifest(
        classes=CLASSES,
        paths=names,
        file_sha256=names,
        pixel_sha256=names,
        split=np.array(["train"] * N),
        given=labels(),
        corrected=labels(),
        group=np.arange(N, dtype=np.int64),
    )
    return replace(plain, **changes)


class Study:
    """Makes benches in folders of their own, on images that a test may change."""

    recipe, classes, n = RECIPE, CLASSES, N

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labels, self.pixels = labels(), pixels()
        self.manifest = manifest

    def bench(
        self,
        name: str = "run",
        *,
        pictures: Pixels | None = None,
        rows: Ints | None = None,
        progress: Progress = SILENT,
        folds: int = 3,
        judged: int | None = None,
        seed: int = 0,
        device: str = "cpu",
        scope: str = "study",
        fold: Ints | None = None,
        **changes: Any,
    ) -> Bench:
        run = self.folder / name
        run.mkdir(exist_ok=True)
        np.save(run / "pixels.npy", pixels() if pictures is None else pictures)
        return Bench(
            RunFolder(run),
            Dataset(manifest(**changes), np.load(run / "pixels.npy", mmap_mode="r")),
            Workplace(run, run / "pixels.npy", len(CLASSES), device, scope),
            np.arange(N, dtype=np.int64) if rows is None else rows,
            folds=folds,
            judged=judged,
            seed=seed,
            engine=Inline(),  # type: ignore[arg-type]
            progress=progress,
            fold=fold,
        )


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)
