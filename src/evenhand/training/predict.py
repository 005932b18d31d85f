"""Logits of a trained network for decoded pixels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from evenhand.data.batches import to_network
from evenhand.records.values import Floats, Pixels
from evenhand.training.recipe import Recipe


def autocast(precision: str, device_type: str) -> AbstractContextManager[object]:
    """Return the context that computes in `precision` on a kind of device."""
    if precision == "bfloat16":
        return torch.autocast(device_type, dtype=torch.bfloat16)
    return nullcontext()


def predict(network: nn.Module, pixels: Pixels, recipe: Recipe, *, flips: bool = False, batch: int = 256) -> Floats:
    """Return the (n, K) float32 logits of `pixels`; the network is left in the mode it was in.

    Parameters
    ----------
    network : nn.Module
        Takes (n, 3, h, w) float32 in [0, 1].
    pixels : (n, height, width, 3) uint8
    recipe : Recipe
        Decides precision and memory format.
    flips : bool
        Average the logits of each image and its mirror image.
    batch : int
        Images at a time.
    """

    def asked(images: Tensor) -> Tensor:
        logits: Tensor = network(images).float()
        return (logits + network(images.flip(3)).float()) / 2 if flips else logits

    return _for_all(network, asked, pixels, recipe, batch)


def features(network: nn.Module, pixels: Pixels, recipe: Recipe, *, mirrored: bool = False, batch: int = 256) -> Floats:
    """Return the (n, D) float32 activations under the last layer; the network is left in the mode it was in.

    Parameters
    ----------
    network : nn.Module
        One of ours: it has a method ``features``.
    pixels, recipe, batch
        As in `predict`.
    mirrored : bool
        Of the mirror images.
    """

    def asked(images: Tensor) -> Tensor:
        found: Tensor = network.features(images.flip(3) if mirrored else images)  # type: ignore[operator]
        return found.float()

    return _for_all(network, asked, pixels, recipe, batch)


def embed(network: nn.Module, pixels: Pixels, recipe: Recipe, *, batch: int = 256) -> Floats:
    """Return the (n, D) float32 `features` of `pixels`, scaled to length 1; the parameters are those of `features`."""
    return unit_length(features(network, pixels, recipe, batch=batch))


def unit_length(vectors: Floats) -> Floats:
    """Return (n, D) vectors scaled to length 1; a vector of nothing but zeros stays."""
    scaled: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return scaled


@torch.inference_mode()
def _for_all(
    network: nn.Module, asked: Callable[[Tensor], Tensor], pixels: Pixels, recipe: Recipe, batch: int
) -> Floats:
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    found = []
    for first in range(0, len(pixels), batch):
        # torch complains about memory that it may not write into, a memory map for example, though it never does.
        plain = np.require(pixels[first : first + batch], requirements=["C_CONTIGUOUS", "WRITEABLE"])
        part = torch.from_numpy(plain).to(device)
        images = to_network(part, channels_last=recipe.channels_last)
        with autocast(recipe.precision, device.type):
            found.append(asked(images).cpu().numpy())
    network.train(was_training)
    return np.concatenate(found) if found else np.zeros((0, 0), dtype=np.float32)


def softmax(logits: Floats) -> Floats:
    """Return the (n, K) float32 probabilities of (n, K) logits."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    probabilities: Floats = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities
