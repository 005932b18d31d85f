"""Pictures of what an attack did: the image, the noise made visible, the adversarial image, as files that hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evenhand.attacks.result import AttackResult
from evenhand.disk import write_bytes, write_table
from evenhand.records.values import Floats, Ints, Pixels

SIDE = 160
"""Least side of the pictures that are made for people, in pixels."""
_GREY = 127.5


def to_bytes(images: Floats) -> Pixels:
    """Return (n, height, width, channels) uint8 of (n, channels, height, width) in [0, 1], rounded."""
    rounded: Pixels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return rounded


def magnified(noise: NDArray[np.float32]) -> tuple[Pixels, float]:
    """Return (height, width, channels) uint8 noise around grey, and how many times it was magnified.

    The largest value of the noise becomes black or white; noise of zero is grey.
    """
    largest = float(np.abs(noise).max())
    factor = 1.0 if largest == 0 else 0.5 / largest
    shown: Pixels = np.rint(np.clip(_GREY + noise * factor * 255, 0, 255)).astype(np.uint8)
    return shown.transpose(1, 2, 0), factor


def choose(result: AttackResult, most: int) -> Ints:
    """Return the rows to show: successes first, every class in turn, those that needed least noise first."""
    order = np.lexsort((result.noise, ~result.fooled))
    order = order[result.attempted[order]]
    turn = np.zeros(len(order), dtype=np.int64)
    for label in np.unique(result.labels[order]):
        own = result.labels[order] == label
        turn[own] = np.arange(int(own.sum()))
    rows: Ints = order[np.lexsort((turn, ~result.fooled[order]))][:most].astype(np.int64)
    return rows


def write_examples(
    folder: Path, result: AttackResult, originals: Pixels, paths: Sequence[str], classes: Sequence[str], most: int
) -> int:
    """Write pictures of some attacks into `folder`, with ``examples.csv`` beside them; return how many.

    ``NN-adversarial.png`` is the adversarial image itself in 8 bits; ``NN.png`` shows image, noise and adversarial
    image side by side, enlarged.

    Parameters
    ----------
    folder : Path
        Made when missing.
    result : AttackResult
    originals : (n, height, width, channels) uint8
        The images of the result's rows.
    paths : sequence of str
        Their names.
    classes : sequence of str
    most : int
    """
    rows = choose(result, most)
    if not len(rows):
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    probabilities = [_softmax(part[rows]) for part in (result.clean_logits, result.logits, result.png_logits)]
    table = []
    for number, row in enumerate(rows.tolist()):
        clean = originals[row].astype(np.float32).transpose(2, 0, 1) / np.float32(255)
        noise, factor = magnified(result.adversarial[row] - clean)
        final = to_bytes(result.adversarial[row : row + 1])[0]
        name = f"{number:02}"
        _write_png(folder / f"{name}-adversarial.png", final)
        _write_png(folder / f"{name}.png", _strip([originals[row], noise, final]))
        target = classes[result.targets[row]] if result.targets[row] >= 0 else ""
        facts = [
            classes[result.labels[row]],
            target,
            classes[int(result.called_clean[row])],
            classes[int(result.called[row])],
            _word(result.fooled[row]),
            _word(result.fooled_png[row]),
            float(result.noise[row]),
            round(factor, 4),
        ]
        table.append([name, paths[row], *facts, *(round(float(p), 6) for part in probabilities for p in part[number])])
    header = ["example", "path", "given", "target", "called_before", "called_after", "fooled", "fooled_png", "norm"]
    header += ["noise_magnified"]
    header += [f"{when}_{name}" for when in ("before", "after", "png") for name in classes]
    write_table(folder / "examples.csv", header, table)
    return len(rows)


def _word(value: object) -> str:
    return "true" if value else "false"


def _softmax(logits: Floats) -> NDArray[np.float64]:
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return probabilities


def _strip(pictures: Sequence[Pixels]) -> Pixels:
    """Return the pictures side by side, each pixel enlarged to a square, on white."""
    times = max(1, -(-SIDE // max(pictures[0].shape[:2])))
    large = [np.repeat(np.repeat(picture, times, axis=0), times, axis=1) for picture in pictures]
    gap = np.full((large[0].shape[0], 8, large[0].shape[2]), 255, dtype=np.uint8)
    return np.concatenate([large[0], gap, large[1], gap, large[2]], axis=1)


def _write_png(path: Path, pixels: Pixels) -> None:
    import io

    content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(content, "PNG")
    write_bytes(path, content.getvalue())
