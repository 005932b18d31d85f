"""Norms of noise, one number an image: how large it is, the nearest noise within a budget, the steepest way up."""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-30
_ROUNDS = 8
_FAR = 1e6
_HALVINGS = 24

DUAL = {"linf": "l1", "l2": "l2", "l1": "linf"}
"""The norm in which a gradient says how much a unit of noise can gain."""


def measure(noise: Tensor, norm: str) -> Tensor:
    """Return the (n,) norm of each of n noises; l0 counts the values that are not exactly zero."""
    # Over all dimensions at once: flattening would copy what does not lie in this order.
    image = tuple(range(1, noise.ndim))
    if norm == "linf":
        return noise.abs().amax(dim=image)
    if norm == "l2":
        return (noise * noise).sum(dim=image).sqrt()
    if norm == "l1":
        return noise.abs().sum(dim=image)
    return (noise != 0).sum(dim=image).to(noise.dtype)


def project(noise: Tensor, norm: str, eps: float | Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the noises brought to a norm of at most `eps` and between two bounds.

    It is the nearest such noise in linf and l1. In l2 the values that stay between the bounds share what those that
    reach them leave of the budget; in l0 the largest values are kept.

    Parameters
    ----------
    noise : (n, ...) float
    norm : str
    eps : float or (n,) float
        One budget for all, or one an image; infinity is no limit.
    low, high : tensor that broadcasts to the noise
        Bounds of each value; zero lies between them.
    """
    limit = torch.as_tensor(eps, dtype=noise.dtype, device=noise.device).expand(len(noise))
    if norm == "linf":
        wide = column(limit, noise)
        return torch.maximum(torch.minimum(noise, wide), -wide).clamp(low, high)
    if norm == "l2":
        return _onto_l2(noise, limit, low, high)
    if norm == "l1":
        return _onto_l1(noise, limit, low, high)
    return largest(noise.flatten(1), noise.abs().flatten(1), limit[:, None]).view_as(noise).clamp(low, high)


def largest(flat: Tensor, score: Tensor, count: Tensor) -> Tensor:
    """Return (n, m) values of which only the `count` with the highest score a row are kept, the others zero."""
    order = score.argsort(dim=1, descending=True, stable=True)
    rank = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    place = torch.empty_like(order).scatter_(1, order, rank)
    return torch.where(place < count, flat, torch.zeros_like(flat))


def _onto_l2(noise: Tensor, limit: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return noises scaled down and clipped; what clipping takes away the other values make up for.

    Each round scales by what is missing. No value can grow by more than that, so the budget is never exceeded.
    """
    factor = (limit / measure(noise, "l2").clamp_min(_TINY)).clamp_max(1)
    inside = (column(factor, noise) * noise).clamp(low, high)
    for _ in range(_ROUNDS):
        missing = limit / measure(inside, "l2").clamp_min(_TINY)
        if not bool(((missing > 1.001) & (factor < 1)).any()):
            break
        factor = (factor * missing).clamp_max(1)
        inside = (column(factor, noise) * noise).clamp(low, high)
    return inside


def _onto_l1(noise: Tensor, limit: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return noises whose values all lost the same amount before they were clipped: the nearest ones within both."""
    size, sign = noise.abs(), noise.sign()
    room = torch.where(noise > 0, high, -low).expand_as(noise)
    least, most = torch.zeros_like(limit), measure(noise, "linf")
    whole = torch.minimum(size, room)
    fits = measure(whole, "l1") <= limit
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        over = measure(torch.minimum((size - column(middle, size)).clamp_min(0), room), "l1") > limit
        least, most = torch.where(over, middle, least), torch.where(over, most, middle)
    shrunk = torch.minimum((size - column(most, size)).clamp_min(0), room)
    return sign * torch.where(column(fits, size), whole, shrunk)


def steepest(gradient: Tensor, norm: str) -> Tensor:
    """Return the noises of norm 1 (linf or l2) that climb fastest; where the gradient is zero, none."""
    if norm == "linf":
        return gradient.sign()
    return gradient / column(measure(gradient, "l2").clamp_min(_TINY), gradient)


def reach(slopes: Tensor, behind: Tensor, room: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """Return how strong the least noise is that gains what is missing from linear functions, and its norm.

    In linf the noise moves every value by the strength, in l2 by the strength times its slope, each at most by its
    room; in l1 and l0, where few values move, the strength is the norm. A norm is infinite where nothing gains enough.

    Parameters
    ----------
    slopes : (n, m, d) float
        Absolute slopes of m functions for each image.
    behind : (n, m) float
        What is missing, not negative.
    room : (n, m, d) float
        How far each value can move the way the slope goes.
    norm : str
    """
    if norm in ("l1", "l0"):
        return _reach_few(slopes, behind, room, norm)
    weights = torch.ones_like(slopes) if norm == "linf" else slopes
    gains, full = slopes * weights, slopes * room
    strength = behind / gains.sum(dim=2).clamp_min(_TINY)
    for _ in range(_ROUNDS):
        # What is gained is a concave function of the strength: Newton's steps from below never go too far.
        moving = strength[..., None] * weights < room
        gained = torch.where(moving, strength[..., None] * gains, full).sum(dim=2)
        missing, slope = (behind - gained).clamp_min(0), (gains * moving).sum(dim=2)
        strength = torch.where(slope > 0, strength + missing / slope.clamp_min(_TINY), strength)
    noise = torch.minimum(strength[..., None] * weights, room)
    size = noise.amax(dim=2) if norm == "linf" else (noise * noise).sum(dim=2).sqrt()
    return strength, torch.where(full.sum(dim=2) >= behind, size, torch.inf)


def _reach_few(slopes: Tensor, behind: Tensor, room: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """Return the least l1 norm, or the least number of values: those that gain most a unit, or on the whole, first."""
    full = slopes * room.clamp_max(_FAR)
    order = (slopes if norm == "l1" else full).argsort(dim=2, descending=True, stable=True)
    gained = full.gather(2, order).double().cumsum(dim=2)
    count = (gained < behind[..., None]).sum(dim=2, keepdim=True)
    possible = count[..., 0] < slopes.shape[2]
    if norm == "l0":
        size = (count[..., 0] + 1).to(slopes.dtype)
    else:
        last = count.clamp_max(slopes.shape[2] - 1)
        moved = room.clamp_max(_FAR).gather(2, order)
        before = moved.double().cumsum(dim=2).gather(2, last)[..., 0] - moved.gather(2, last)[..., 0]
        short = behind - (gained.gather(2, last) - full.gather(2, order).gather(2, last))[..., 0]
        size = (before + short / slopes.gather(2, order).gather(2, last)[..., 0].clamp_min(_TINY)).to(slopes.dtype)
    size = torch.where(possible, size, torch.inf)
    return size, size


def column(values: Tensor, like: Tensor) -> Tensor:
    """Return (n,) values shaped (n, 1, 1, 1), so that each acts on its whole image."""
    return values.view(-1, *[1] * (like.ndim - 1))
