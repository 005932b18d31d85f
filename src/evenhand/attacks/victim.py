"""The model under attack: what it says of images in [0, 1], and which way its losses climb, a slice at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evenhand.attacks.first_layer import QuickFirstLayer
from evenhand.attacks.losses import Loss
from evenhand.attacks.undisturbed import undisturbed
from evenhand.errors import ModelFileError, UsageError

Function = Callable[[NDArray[np.float32]], Any]
"""Takes (n, channels, height, width) float32 in [0, 1], returns (n, K) logits."""

SLICE = {"cpu": 128, "cuda": 1024}
"""Images that pass the network at once, at most: on a processor more of them no longer fit its cache."""
MEMORY = 1 << 30
"""Bytes that the activations of a slice may take on a processor; on a graphics card half of what is free."""
_SMALLEST_PROBABILITY = 1e-30


@dataclass
class Look:
    """What one look at a batch showed; every tensor has one row an image."""

    logits: Tensor
    """(n, K) float32."""
    loss: Tensor
    """(n,) what the attack climbs."""
    gradient: Tensor | None = None
    """(n, channels, height, width) of that loss."""
    slopes: Tensor | None = None
    """(n, m, channels, height, width), the gradients of m logits."""

    def keep(self, rows: Tensor) -> None:
        """Forget all images but some."""
        for name in ("logits", "loss", "gradient", "slopes"):
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value[rows])


class Victim:
    """A classifier as attacks see it: from images in [0, 1] to logits.

    Parameters
    ----------
    model : nn.Module or callable
        A module takes float tensors and can be attacked by any attack. A function of (n, channels, height, width)
        float32 arrays can be asked, but has no gradient: only query attacks work.
    mean, std : sequence of float, optional
        The normalisation that the model expects, one number a channel or one for all: it is given
        ``(images - mean) / std``.
    probabilities : bool
        Say that the model returns probabilities; their logarithm is attacked.
    at_once : int, optional
        Images that pass the model at once. By default decided from the memory that one image takes.
    """

    def __init__(
        self,
        model: nn.Module | Function,
        *,
        mean: Sequence[float] | float | None = None,
        std: Sequence[float] | float | None = None,
        probabilities: bool = False,
        at_once: int | None = None,
    ) -> None:
        if not callable(model):
            raise UsageError(f"A model is a torch.nn.Module or a function of images, not {type(model).__name__}.")
        self.model, self.network = model, model if isinstance(model, nn.Module) else None
        self.probabilities = probabilities
        first = next((value for value in self.network.parameters()), None) if self.network else None
        self.device = first.device if first is not None else torch.device("cpu")
        self.dtype = first.dtype if first is not None and first.is_floating_point() else torch.float32
        self.mean, self.std = self._channels(0.0 if mean is None else mean), self._channels(1.0 if std is None else std)
        self.scales = mean is not None or std is not None
        if not bool((self.std > 0).all()):
            raise UsageError(f"A standard deviation must be positive, not {std}.")
        self.offsets: Tensor | None = None
        self.n_classes = 0
        self._at_once = at_once
        self._slice = at_once or SLICE["cpu"]
        self._channels_last = False

    @property
    def layout(self) -> torch.memory_format:
        """How images lie in memory so that the model is quick."""
        return torch.channels_last if self._channels_last else torch.contiguous_format

    @property
    def differentiable(self) -> bool:
        """Whether gradients can be had."""
        return self.network is not None

    @contextmanager
    def held(self, images: Tensor, seed: int) -> Iterator[None]:
        """Make the model ready, and leave it as it was at the end, whatever happens; `images` are a few examples.

        Raises
        ------
        ModelFileError
            When the model cannot take such images, or returns something other than finite logits.
        """
        context: AbstractContextManager[object] = nullcontext()
        if self.device.type in ("cpu", "cuda"):
            context = torch.autocast(self.device.type, enabled=False)
        with undisturbed(self.network, seed), context:
            some = images[:8].to(self.device)
            self._channels_last = False
            logits = self._first_look(some)
            self.n_classes = int(logits.shape[1])
            self._channels_last = self._can_channels_last(some, logits)
            self._slice = self._at_once or self._affordable(some)
            yield

    def look(
        self,
        points: Tensor,
        labels: Tensor,
        targets: Tensor | None,
        loss: Loss,
        *,
        gradient: bool = False,
        aims: Tensor | None = None,
    ) -> Look:
        """Return what the model says of some points.

        Parameters
        ----------
        points : (n, channels, height, width) float32
        labels, targets : (n,) int64
            As `loss` takes them; targets may be None.
        loss : Loss
        gradient : bool
            Whether the gradient of the loss is wanted.
        aims : (n, m) int64, optional
            The classes of which the gradients of the logits are wanted.

        Raises
        ------
        ModelFileError
            When a logit is not a finite number.
        """
        parts = []
        first = 0
        while first < len(points):
            here = slice(first, first + self._slice)
            aimed = None if targets is None else targets[here]
            wanted = None if aims is None else aims[here]
            try:
                part = self._part(points[here], labels[here], aimed, loss, gradient, wanted)
            except torch.OutOfMemoryError:
                if self._slice == 1:
                    raise
                self._slice = (self._slice + 1) // 2
                continue
            parts.append(part)
            first += len(part.logits)
        return _joined(parts)

    def _part(
        self, points: Tensor, labels: Tensor, targets: Tensor | None, loss: Loss, gradient: bool, aims: Tensor | None
    ) -> Look:
        if not (gradient or aims is not None):
            with torch.no_grad():
                logits = self._checked(self.logits(points))
                return Look(logits, loss(logits, labels, targets))
        with torch.enable_grad():
            point = points.detach().requires_grad_()
            with QuickFirstLayer():
                logits = self.logits(point)
            climbed = loss(logits, labels, targets)
            if not climbed.requires_grad:
                raise ModelFileError(
                    "The model has no gradient: torch cannot follow its logits back to the images. Use an attack that "
                    "only asks: square."
                )
            slopes = None if aims is None else _slopes(logits, point, aims, more=gradient)
            # Summed, so that what is beside an image in a batch cannot matter.
            found = torch.autograd.grad(climbed.sum(), point)[0] if gradient else None
        return Look(self._checked(logits.detach()), climbed.detach(), found, slopes)

    def logits(self, points: Tensor) -> Tensor:
        """Return (n, K) float32 logits of (n, channels, height, width) float32 images in [0, 1]."""
        inputs = (points - self.mean) / self.std if self.scales else points
        if self.network is None:
            with torch.no_grad():
                said = self.model(inputs.detach().cpu().numpy().astype(np.float32))
            found = torch.as_tensor(np.asarray(said)).to(torch.float32)
        else:
            if self._channels_last:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            found = self.network(inputs.to(self.dtype))
            if isinstance(found, Tensor):
                found = found.float()
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(points):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ModelFileError(
                f"The model must return one row of logits an image, {len(points)} rows here; it returned {shape}. "
                "Wrap it in a module that returns the logits alone."
            )
        if self.probabilities:
            found = found.clamp_min(_SMALLEST_PROBABILITY).log()
        return found if self.offsets is None else found + self.offsets.to(found.device)

    def adjusted(self, offsets: Sequence[float]) -> Victim:
        """Return the same model with numbers added to its logits, one a class: a correction after the fact."""
        changed = copy.copy(self)
        changed.offsets = torch.tensor(offsets, dtype=torch.float32)
        return changed

    def _channels(self, values: Sequence[float] | float) -> Tensor:
        numbers = torch.as_tensor(values, dtype=torch.float32, device=self.device)
        return numbers.reshape(1, -1, 1, 1)

    def _first_look(self, some: Tensor) -> Tensor:
        channels = some.shape[1]
        for numbers in (self.mean, self.std):
            if numbers.shape[1] not in (1, channels):
                raise UsageError(
                    f"The normalisation has {numbers.shape[1]} channels and the images have {channels}. Give mean and "
                    "std one number a channel."
                )
        try:
            with torch.no_grad():
                logits = self.logits(some)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            shape = "x".join(map(str, some.shape[1:]))
            raise ModelFileError(f"The model cannot take images of {shape} (channels first): {error}") from error
        if logits.shape[1] < 2:
            raise ModelFileError("The model returns one number an image. Attacks need one logit a class, two at least.")
        self._checked(logits)
        if not self.probabilities and _look_like_probabilities(logits):
            raise ModelFileError(
                "The model returns probabilities, not logits: its rows lie in [0, 1] and add up to 1. Give the network "
                "without its softmax, or say Victim(model, probabilities=True)."
            )
        return logits

    def _checked(self, logits: Tensor) -> Tensor:
        if not bool(torch.isfinite(logits).all()):
            wrong = int((~torch.isfinite(logits)).any(dim=1).sum())
            raise ModelFileError(
                f"The model returned logits that are no finite numbers (NaN or infinite) for {wrong} of {len(logits)} "
                "images. Nothing can be said of such a model; look for overflow or broken weights."
            )
        return logits

    def _can_channels_last(self, some: Tensor, expected: Tensor) -> bool:
        """Return whether pictures may be laid out channels last, which makes convolutions twice as fast."""
        if self.network is None or some.shape[1] == 1:
            return False
        if not any(isinstance(module, nn.Conv2d) for module in self.network.modules()):
            return False
        self._channels_last = True
        try:
            with torch.enable_grad():
                point = some.detach().requires_grad_()
                logits = self.logits(point)
                torch.autograd.grad(logits.sum(), point)
        except RuntimeError:  # a network that reshapes with view
            return False
        return torch.allclose(logits.detach(), expected, rtol=1e-3, atol=1e-3)

    def _affordable(self, some: Tensor) -> int:
        """Return how many images may pass at once, from the memory that autograd keeps for one of them."""
        most = SLICE.get(self.device.type, SLICE["cpu"])
        if self.network is None:
            return most
        kept = [self._kept(some[:1]), self._kept(torch.cat([some[:1]] * 2))]
        budget = torch.cuda.mem_get_info(self.device)[0] // 2 if self.device.type == "cuda" else MEMORY
        return max(1, min(most, budget // max(1, kept[1] - kept[0])))

    def _kept(self, images: Tensor) -> int:
        total = 0

        def weigh(tensor: Tensor) -> Tensor:
            nonlocal total
            total += tensor.numel() * tensor.element_size()
            return tensor

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
            self.logits(images.detach().requires_grad_())
        return total


def _slopes(logits: Tensor, point: Tensor, aims: Tensor, *, more: bool) -> Tensor:
    """Return the (n, m, ...) gradients of m chosen logits of each image."""
    chosen = logits.gather(1, aims)
    last = aims.shape[1] - 1
    found = [
        torch.autograd.grad(chosen[:, number].sum(), point, retain_graph=more or number < last)[0]
        for number in range(last + 1)
    ]
    return torch.stack(found, dim=1)


def _look_like_probabilities(logits: Tensor) -> bool:
    sums = logits.sum(dim=1)
    return bool((logits >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all())


def _joined(parts: list[Look]) -> Look:
    if len(parts) == 1:
        return parts[0]

    def join(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else torch.cat(values)

    return Look(join("logits"), join("loss"), join("gradient"), join("slopes"))
