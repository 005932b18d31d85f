"""Logits of a trained network for decoded pixels."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import nn

from evenhand.data.batches import to_network
from evenhand.records import Floats, Pixels
from evenhand.training.recipe import Recipe


def autocast(precision: str, device_type: str) -> AbstractContextManager[object]:
    """Return the context that computes in `precision` on a kind of device."""
    if precision == "bfloat16":
        return torch.autocast(device_type, dtype=torch.bfloat16)
    return nullcontext()


@torch.inference_mode()
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
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    found = []
    for first in range(0, len(pixels), batch):
        part = torch.from_numpy(np.ascontiguousarray(pixels[first : first + batch])).to(device)
        images = to_network(part, channels_last=recipe.channels_last)
        with autocast(recipe.precision, device.type):
            logits = network(images).float()
            if flips:
                logits = (logits + network(images.flip(3)).float()) / 2
        found.append(logits.cpu().numpy())
    network.train(was_training)
    return np.concatenate(found) if found else np.zeros((0, 0), dtype=np.float32)


@torch.inference_mode()
def embed(network: nn.Module, pixels: Pixels, recipe: Recipe, *, batch: int = 256) -> Floats:
    """Return the (n, d) float32 features of `pixels`, what the network's head decides by, scaled to length 1.

    Parameters
    ----------
    network : nn.Module
        Its ``features`` takes (n, 3, h, w) float32 in [0, 1] to (n, d). It is left in the mode it was in.
    pixels : (n, height, width, 3) uint8
    recipe : Recipe
        Decides precision and memory format.
    batch : int
        Images at a time.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    found = []
    for first in range(0, len(pixels), batch):
        part = torch.from_numpy(np.ascontiguousarray(pixels[first : first + batch])).to(device)
        with autocast(recipe.precision, device.type):
            hidden = network.features(to_network(part, channels_last=recipe.channels_last)).float()  # type: ignore[operator]
        found.append(torch.nn.functional.normalize(hidden, dim=1).cpu().numpy())
    network.train(was_training)
    return np.concatenate(found) if found else np.zeros((0, 0), dtype=np.float32)


def softmax(logits: Floats) -> Floats:
    """Return the (n, K) float32 probabilities of (n, K) logits."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    probabilities: Floats = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities
