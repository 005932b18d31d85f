"""Precision and memory format, measured once for a model and machine and kept in a table of the user's cache folder."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evenhand.records import digest
from evenhand.remedies.plan import Plan
from evenhand.store import write_json
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.recipe import Recipe

CANDIDATES = (("float32", False), ("float32", True), ("bfloat16", True))
"""(precision, channels last), plainest first."""
GAIN = 0.9
"""A candidate replaces a plainer one only when it takes less than this share of its time."""
_STEPS = 6


def settled(recipe: Recipe, size: tuple[int, int], device: str = "cpu", table: Path | None = None) -> Recipe:
    """Return the recipe with its precision and memory format decided; a decided one comes back as it is.

    The first call for a (model, width, batch, image size, device, processor) trains a few steps each way and writes
    the fastest into the table; later calls read it, so that a trial's key does not depend on the day's timings.

    Parameters
    ----------
    recipe : Recipe
        With precision "auto", or already settled.
    size : tuple of int
        Height and width of the images, in pixels.
    device : str
        A torch device.
    table : Path, optional
        Where decisions are kept; by default `default_table()`.
    """
    if recipe.precision != "auto":
        return recipe
    path = table or default_table()
    known = _read(path)
    key = digest([recipe.model, recipe.width, recipe.batch, list(size), machine(device), torch.__version__])
    if key not in known:
        known[key] = _measure(recipe, size, device)
        # A table that cannot be written costs the next run a few seconds of measuring, nothing else.
        with contextlib.suppress(Exception):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, known)
    return replace(recipe, precision=known[key]["precision"], channels_last=known[key]["channels_last"])


def default_table() -> Path:
    """Return the table's place: the user's cache folder, or the folder of the variable EVENHAND_CACHE."""
    base = os.environ.get("EVENHAND_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "evenhand" / "precision.json"


def machine(device: str) -> list[str]:
    """Return what the speed of a precision depends on: the processor's kind and its vector instructions."""
    if device != "cpu":
        return [device, torch.cuda.get_device_name(device)]
    return ["cpu", platform.machine(), torch.backends.cpu.get_cpu_capability(), *_matrix_flags()]


def _matrix_flags() -> list[str]:
    """Return the processor's flags for low-precision arithmetic, where the system tells them."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return []
    return sorted(flags & {"avx512_bf16", "amx_bf16", "avx2", "avx512f", "bf16"})


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _measure(recipe: Recipe, size: tuple[int, int], device: str) -> dict[str, Any]:
    images = recipe.batch * _STEPS
    rows = np.arange(images, dtype=np.int64)
    data = TrainingSet(np.zeros((images, *size, 3), dtype=np.uint8), rows % 2, rows)
    best, best_time = CANDIDATES[0], float("inf")
    for precision, channels_last in CANDIDATES:
        trial = replace(recipe, precision=precision, channels_last=channels_last, epochs=1, early_stopping=0)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            fit(data, Plan(), trial, n_classes=2, seed=0, device=device)
            seconds.append(time.perf_counter() - start)
        if min(seconds) < GAIN * best_time:
            best, best_time = (precision, channels_last), min(seconds)
    return {"precision": best[0], "channels_last": best[1], "microseconds_an_image": round(best_time / images * 1e6)}
