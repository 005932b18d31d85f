"""ONNX parity: what an export says of 10,000 raw files of ten formats and odd sizes, beside what the product says.

python benchmarks/onnx_parity.py [--images 10000] [--size 32] [--model simple] [--trained MODEL]

The files are PNG (colour, palette, grey, 16 bits grey, transparent), JPEG (turned by EXIF too), BMP, GIF, TIFF and
WebP, with sides of 1 to 400 pixels. Without --trained a network of random weights answers, sharpened so that its
classes win about equally often. Target: no class differs, probabilities within 1e-4.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from evenhand.engines.local import cores
from evenhand.exporting.held_out import as_evaluated, held_out
from evenhand.exporting.onnx_file import to_onnx
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.exporting.parity import asked, compared
from evenhand.training.model_file import Model, load_model
from hardware import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from handed_over import model as sharpened

Write = Callable[[Image.Image, Path], None]


def _with_exif(image: Image.Image, place: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1 + (image.width + image.height) % 8
    image.save(place, quality=85, exif=exif)


def _wide_grey(image: Image.Image, place: Path) -> None:
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257 + 31).save(place)


def _transparent(image: Image.Image, place: Path) -> None:
    image.putalpha(image.convert("L"))
    image.save(place)


FORMATS: dict[str, tuple[str, Write]] = {
    "PNG": ("png", lambda image, place: image.save(place)),
    "PNG, palette": ("png", lambda image, place: image.quantize(32).save(place)),
    "PNG, grey": ("png", lambda image, place: image.convert("L").save(place)),
    "PNG, 16 bits grey": ("png", _wide_grey),
    "PNG, transparent": ("png", _transparent),
    "JPEG, turned by EXIF": ("jpg", _with_exif),
    "BMP": ("bmp", lambda image, place: image.save(place)),
    "GIF": ("gif", lambda image, place: image.save(place)),
    "TIFF": ("tif", lambda image, place: image.save(place, compression="tiff_lzw")),
    "WebP": ("webp", lambda image, place: image.save(place, quality=80)),
}


def main() -> None:
    """Write the files, ask both, compare, print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=10_000)
    words.add_argument("--size", type=int, default=32)
    words.add_argument("--model", default="simple")
    words.add_argument("--trained", type=Path, help="a model folder, in place of random weights")
    settings = words.parse_args()
    print(describe())
    print(", ".join(f"{name} {version(name)}" for name in ("onnx", "onnxscript", "onnxruntime")))
    made = load_model(settings.trained) if settings.trained else _made(settings.model, settings.size)
    with tempfile.TemporaryDirectory() as folder:
        data, scratch = Path(folder) / "data", Path(folder) / "scratch"
        _write(data, settings.images, made.classes)
        images = held_out(data, scratch / "source", made.classes)
        pixels, places = as_evaluated(images, made.size, scratch, jobs=cores())
        (Path(folder) / "model.onnx").write_bytes(to_onnx(made, {}))
        exported, found = asked(OnnxModel(Path(folder) / "model.onnx"), images)
        product = made.probabilities(pixels)
        parity = compared(product, places, exported, found, images)
    named = np.bincount(product.argmax(axis=1), minlength=len(made.classes)).tolist()
    print(f"{parity.n} of {settings.images} files read, {len(FORMATS)} formats; classes named {named} times")
    print(
        f"{made.recipe.model} at {made.size[0]}x{made.size[1]}: {parity.other_class} classes differ (target 0), "
        f"probabilities by at most {parity.largest:.2e} (target 1e-4): {'met' if parity.holds else 'MISSED'}"
    )
    sys.exit(not parity.holds)


def _made(network: str, size: int) -> Model:
    words = {"members": 2, "flips": True, "temperature": 1.3, "logit_offsets": (0.3, -0.2, 0.0)}
    return sharpened(network, (size, size), classes=("a", "b", "c"), **words)


def _write(data: Path, n: int, classes: tuple[str, ...]) -> None:
    """Write smooth pictures with some noise, every format equally often, sides from 1 to 400 pixels."""
    generator = np.random.default_rng(0)
    kinds = list(FORMATS.values())
    for number in range(n):
        place = data / classes[number % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        height, width = np.exp(generator.uniform(0, np.log(400), 2)).round().astype(int)
        coarse = generator.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        noise = generator.normal(0, 12, (int(height), int(width), 3))
        image = Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8))
        ending, write = kinds[number % len(kinds)]
        write(image, place / f"{number:06d}.{ending}")


if __name__ == "__main__":
    main()
