"""Precision and memory format, measured once for a model and machine and kept in a table of the user's cache folder."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evenhand.disk import write_json
from evenhand.models.pretrained import is_pretrained
from evenhand.records.values import digest
from evenhand.remedies.plan import Plan
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.recipe import Recipe

CANDIDATES = (("float32", False), ("float32", True), ("bfloat16", True))
"""(precision, channels last), plainest first."""
GAIN = 0.9
"""A candidate replaces a plainer one only when it takes less than this share of its time."""
_STEPS = 12
_FEW = 8
"""Images by which a whole backbone is timed: more would take longer than what the time is asked for."""
_FEATURES = 768
"""Of an image that is stood for by features: what the middling backbones have."""


def settled(
    recipe: Recipe,
    size: tuple[int, int],
    device: str = "cpu",
    table: Path | None = None,
    copy: Path | None = None,
) -> Recipe:
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
    copy : Path, optional
        A run's own table, asked first: its trials must not change when the table is lost.
    """
    if recipe.precision != "auto":
        return recipe
    if is_pretrained(recipe.model):
        # Backbones come in float32, and to measure a large one would take minutes.
        return replace(recipe, precision="float32", channels_last=False)
    found = _looked_up(recipe, size, device, CANDIDATES, [*([copy] if copy else []), table or default_table()])
    return replace(recipe, precision=found["precision"], channels_last=found["channels_last"])


def seconds_an_image(recipe: Recipe, size: tuple[int, int], device: str = "cpu", table: Path | None = None) -> float:
    """Return how long one image takes in training, in seconds on one core; measured once and kept in the table.

    Parameters
    ----------
    recipe : Recipe
        With its precision settled.
    size : tuple of int
        Height and width of the images, in pixels.
    device : str
        A torch device.
    table : Path, optional
        As for `settled`.
    """
    found = _looked_up(recipe, size, device, ((recipe.precision, recipe.channels_last),), [table or default_table()])
    return float(found["microseconds_an_image"]) * 1e-6


def _looked_up(
    recipe: Recipe, size: tuple[int, int], device: str, candidates: Sequence[tuple[str, bool]], tables: Sequence[Path]
) -> dict[str, Any]:
    """Return what the first table that knows says of a recipe's kind; where none does, measure. All tables learn it."""
    kind = [recipe.model, recipe.width, recipe.optimiser, recipe.batch, list(size)]
    kind += [recipe.frozen] if is_pretrained(recipe.model) else []
    key = digest([*kind, list(candidates), machine(device), torch.__version__])
    known = [_read(path) for path in tables]
    found = next((table[key] for table in known if key in table), None) or _measure(recipe, size, device, candidates)
    for path, table in zip(tables, known, strict=True):
        if key not in table:
            # A table that cannot be written costs the next run a few seconds of measuring, nothing else.
            with contextlib.suppress(Exception):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_json(path, table | {key: found})
    return found


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


def _measure(
    recipe: Recipe, size: tuple[int, int], device: str, candidates: Sequence[tuple[str, bool]]
) -> dict[str, Any]:
    """Return the fastest candidate and its time, on one thread as in the workers."""
    slow = is_pretrained(recipe.model) and not recipe.frozen
    images, rounds = (_FEW, 1) if slow else (recipe.batch * _STEPS, 3)
    rows = np.arange(images, dtype=np.int64)
    shown: Any = np.zeros((images, *size, 3), dtype=np.uint8)
    if recipe.frozen:
        shown = np.zeros((images, 1, 2, _FEATURES), dtype=np.float32)
    data = TrainingSet(shown, rows % 2, rows)
    best, best_time = candidates[0], float("inf")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for precision, channels_last in candidates:
            trial = replace(recipe, precision=precision, channels_last=channels_last, epochs=1, early_stopping=0)
            seconds = []
            for _ in range(rounds):
                start = time.perf_counter()
                fit(data, Plan(), trial, n_classes=2, seed=0, device=device)
                seconds.append(time.perf_counter() - start)
            if min(seconds) < GAIN * best_time:
                best, best_time = (precision, channels_last), min(seconds)
    finally:
        torch.set_num_threads(threads)
    return {"precision": best[0], "channels_last": best[1], "microseconds_an_image": round(best_time / images * 1e6)}
