"""Small models and awkward pictures for the tests of what leaves the product."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from evenhand.models.catalogue import build
from evenhand.models.heads import PLAIN, Shape
from evenhand.training.model_file import Model
from evenhand.training.recipe import Recipe

CLASSES = ("Katzen", "قطط", "a|b *c*")


def model(
    network: str = "simple",
    size: tuple[int, int] = (32, 32),
    *,
    members: int = 1,
    shape: Shape = PLAIN,
    classes: tuple[str, ...] = CLASSES,
    **changes: Any,
) -> Model:
    """Return a model that was never trained, with opinions strong enough to tell its classes apart."""
    torch.manual_seed(1)
    made = [build(network, n_classes=len(classes), size=size, width=4, shape=shape).eval() for _ in range(members)]
    for member in made:
        last = getattr(member, "last", None)
        if isinstance(last, torch.nn.Linear):
            _sharpen(member, last, size)
    recipe = Recipe(model=network, width=4, precision="float32", channels_last=False)
    return Model(classes, size, recipe, tuple(made), shape=shape, **changes)


@torch.no_grad()
def _sharpen(member: torch.nn.Module, last: torch.nn.Linear, size: tuple[int, int]) -> None:
    """Let the classes of a network win about equally often, and clearly."""
    images = torch.from_numpy(pixels(64, size, seed=123)).permute(0, 3, 1, 2) / 255
    logits = member(images)
    last.bias.sub_(logits.mean(dim=0))
    factor = 2 / logits.std(dim=0, keepdim=True).T
    last.weight.mul_(factor)
    last.bias.mul_(factor[:, 0])


def pixels(n: int, size: tuple[int, int] = (32, 32), seed: int = 0) -> np.ndarray:
    """Return (n, height, width, 3) uint8 images: coloured areas of every brightness, with some noise."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    smooth = [Image.fromarray(one).resize((size[1], size[0]), Image.Resampling.BICUBIC) for one in coarse]
    noisy = np.stack([np.asarray(one) for one in smooth]).astype(int) + generator.integers(-20, 21, (n, *size, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def encoded(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """Return an image as a file of some format."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


def picture_folder(place: Path, counts: dict[str, int], *, sizes: tuple[tuple[int, int], ...] = ((32, 32),)) -> Path:
    """Write a folder of pictures, one folder a class, of several sizes and formats."""
    kinds = (("PNG", "png"), ("JPEG", "jpg"), ("BMP", "bmp"), ("GIF", "gif"))
    for seed, (name, count) in enumerate(counts.items()):
        (place / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            kind, ending = kinds[number % len(kinds)]
            image = pixels(1, sizes[number % len(sizes)], seed=1000 * seed + number)[0]
            (place / name / f"{number:04d}.{ending}").write_bytes(encoded(image, kind))
    return place


def malformed(generator: np.random.Generator, good: bytes) -> tuple[bytes, str]:
    """Return a body and a content type with something wrong about them."""
    kinds = ("", "image/png", "application/octet-stream", "multipart/form-data; boundary=X", "multipart/form-data")
    kind = kinds[generator.integers(len(kinds))]
    body = bytearray(good)
    way = generator.integers(5)
    if way == 0:
        body = body[: generator.integers(len(body))]
    elif way == 1:
        for place in generator.integers(0, len(body), 1 + generator.integers(40)):
            body[place] = generator.integers(256)
    elif way == 2:
        body = bytearray(generator.integers(0, 256, generator.integers(300), dtype=np.uint8).tobytes())
    elif way == 3:
        body = body[generator.integers(1, 40) :]
    if kind.startswith("multipart") and generator.integers(2):
        head = b'--X\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        body = bytearray((head + bytes(body) + b"\r\n--X--")[: None if way else -int(generator.integers(1, 30))])
    return bytes(body), kind
