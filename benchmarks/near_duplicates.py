"""Near-duplicates and odd images: how quick, how much memory, how many copies found, how many groups false.

python benchmarks/near_duplicates.py [--images 50000] [--jobs 2] [--cars ../shared/data/car-truck-cat/train]

The pictures are drawn as those of the demo set are, each anew: any two that are grouped are a false group. Of a
thousand of them copies are made, of each kind in turn. With --cars copies are made of real pictures too. Among these
there are true near-duplicates: how many groups they have is said, not judged.
"""

from __future__ import annotations

import argparse
import io
import resource
import time
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

from evenhand.auditing.duplicates import joined
from evenhand.auditing.near_duplicates import near_pairs
from evenhand.auditing.odd_images import odd_images
from evenhand.data.demo.scene import THINGS, picture
from evenhand.data.manifest import Dataset, Manifest
from evenhand.records.values import Pixels
from hardware import describe

TARGET_SECONDS, TARGET_ODD_SECONDS = 20.0, 10.0
TARGET_BYTES = 2_000_000_000
TARGET_RECALL = 0.99
TARGET_FALSE = 1.0
"""False groups in 1,000 images."""
COPIED = 1000


def _jpeg(image: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _resized(image: Pixels, factor: float) -> Pixels:
    height, width = image.shape[:2]
    other = Image.fromarray(image).resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
    return np.asarray(other.resize((width, height), Image.Resampling.BICUBIC))


def _brightened(image: Pixels, factor: float) -> Pixels:
    return np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)


def _contrasted(image: Pixels, factor: float) -> Pixels:
    middle = image.mean()
    return np.clip(np.rint((image - middle) * factor + middle), 0, 255).astype(np.uint8)


def _grainy(image: Pixels, most: int) -> Pixels:
    grain = np.random.default_rng(image[0, 0].tolist()).integers(-most, most + 1, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def _moved(image: Pixels, by: int) -> Pixels:
    return np.concatenate([image[:, :1]] * by + [image[:, :-by]], axis=1)


def _cropped(image: Pixels, share: float) -> Pixels:
    height, width = image.shape[:2]
    box = (0.0, 0.0, width * share, height * share)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box))


PROMISED: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG, quality 60": lambda image: _jpeg(image, 60),
    "JPEG, quality 75": lambda image: _jpeg(image, 75),
    "JPEG, quality 95": lambda image: _jpeg(image, 95),
    "resized to 75 % and back": lambda image: _resized(image, 0.75),
    "resized to 150 % and back": lambda image: _resized(image, 1.5),
    "10 % brighter": lambda image: _brightened(image, 1.1),
    "10 % darker": lambda image: _brightened(image, 0.9),
}
BESIDES: dict[str, Callable[[Pixels], Pixels]] = {
    "20 % less contrast": lambda image: _contrasted(image, 0.8),
    "grain of up to 4 levels": lambda image: _grainy(image, 4),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "moved by one pixel": lambda image: _moved(image, 1),
    "5 % cropped from two edges": lambda image: _cropped(image, 0.95),
}


def main() -> None:
    """Draw, look, and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=50_000)
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--cars", type=Path, help="a folder of real pictures of one size")
    settings = words.parse_args()
    print(describe())
    with Pool(settings.jobs) as pool:
        drawn = np.stack(pool.map(_drawn, range(settings.images), chunksize=256))
    _speed(drawn)
    _recall("drawn", drawn[:: max(1, len(drawn) // COPIED)][:COPIED])
    if settings.cars:
        files = sorted(settings.cars.rglob("*.png"))
        real = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
        count = _groups(real)
        print(f"real, n={len(real)}: {count} groups; whether they are true is for eyes to say")
        _recall("real", real[:: max(1, len(real) // COPIED)][:COPIED])


def _drawn(number: int) -> Pixels:
    return picture(list(THINGS)[number % 3], 7, 3, number)


def _speed(images: Pixels) -> None:
    count = f"n={len(images)} images of {images.shape[1]}x{images.shape[2]} pixels"
    before = _peak()
    start = time.perf_counter()
    false = _groups(images)
    _say(f"{count}: near-duplicates in seconds", time.perf_counter() - start, TARGET_SECONDS, most=True)
    _say(f"{count}: {false} false groups, in 1,000 images", 1000 * false / len(images), TARGET_FALSE, most=True)
    start = time.perf_counter()
    found = odd_images(Dataset(_listing(len(images)), images))
    _say(f"{count}: odd images in seconds", time.perf_counter() - start, TARGET_ODD_SECONDS, most=True)
    print(f"{len(found)} drawn pictures are called odd, {1000 * len(found) / len(images):.2f} in 1,000")
    _say(f"{count}: peak memory beyond the pictures in MB", (_peak() - before) / 1e6, TARGET_BYTES / 1e6, most=True)


def _groups(images: Pixels) -> int:
    return int((np.bincount(joined(len(images), near_pairs(images).tolist())) > 1).sum())


def _recall(name: str, images: Pixels) -> None:
    shares = []
    for kind, change in (PROMISED | BESIDES).items():
        copies = np.stack([change(image) for image in images])
        groups = joined(2 * len(images), near_pairs(np.concatenate([images, copies])).tolist())
        found = groups[: len(images)] == groups[len(images) :]
        # A copy with the very same pixels is not looked for here: content hashes find it.
        same = (images == copies).reshape(len(images), -1).all(axis=1)
        found |= same
        shares.append(float(found.mean()))
        promised = f", target {TARGET_RECALL}" if kind in PROMISED else ""
        print(
            f"{name}, {kind}: {int(found.sum())} of {len(images)} copies found, {found.mean():.4f}{promised}",
            flush=True,
        )
    mean = float(np.mean(shares[: len(PROMISED)]))
    _say(f"{name}, n={len(PROMISED) * len(images)}: recall of the promised kinds", mean, TARGET_RECALL, most=False)


def _say(words: str, value: float, target: float, *, most: bool) -> None:
    met = value <= target if most else value >= target
    print(
        f"{words}: {value:.4g}, target {'at most' if most else 'at least'} {target:g}: {'met' if met else 'MISSED'}",
        flush=True,
    )


def _listing(count: int) -> Manifest:
    numbers = np.arange(count)
    names = tuple(map(str, numbers))
    split = np.full(count, "train")
    return Manifest(("drawn",), names, names, names, split, 0 * numbers, 0 * numbers, numbers)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
