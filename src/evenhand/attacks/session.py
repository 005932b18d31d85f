"""The one way an attack runs. It owns bounds, clipping, the norm, the success test, batching, progress and counting."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from evenhand.attacks.base import Attack
from evenhand.attacks.batch import Batch
from evenhand.attacks.draws import identities
from evenhand.attacks.losses import succeeded
from evenhand.attacks.norms import column, measure
from evenhand.attacks.result import AttackResult, Columns
from evenhand.attacks.threat import PIXEL_RANGE, Threat
from evenhand.attacks.victim import Look, Victim
from evenhand.errors import UsageError
from evenhand.progress import SILENT, Progress, Tick
from evenhand.records.values import Ints

STATE_MEMORY = 1 << 29
"""Bytes that the images of one batch, and what is remembered of them, may take."""
_COPIES = 16
_TIGHTENINGS = 12
"""Halvings of the way from an image to the smallest noise found: what is left is a four-thousandth of it."""
_SMALL = ("first", "smallest")
_CROWDED = 16
"""Images that are done are carried along until they are one in so many; leaving costs a copy of all others."""


def run(
    victim: Victim,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    threat: Threat,
    *,
    targets: Tensor | None = None,
    identity: Ints | None = None,
    given: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    name: str = "",
    progress: Progress = SILENT,
) -> AttackResult:
    """Return what an attack did to each image; the model and all random state are left as they were.

    Images that are wrong to begin with (or already called the target) are not attacked; their noise is zero.

    Parameters
    ----------
    victim : Victim
    images : (n, channels, height, width) float32 tensor
        Within the bounds of the threat.
    labels : (n,) int64 tensor
    attack : Attack
    threat : Threat
    targets : (n,) int64 tensor, optional
        The class to reach for each image. Without them any wrong class will do.
    identity : (n,) int64, optional
        Names that random numbers depend on; by default made from the content of each image.
    given : mapping of str to (n, ...) tensor, optional
        What ``batch.state`` holds from the start.
    seed : int
    name : str
        Said above the progress bar and kept in the result.
    progress : Progress

    Raises
    ------
    UsageError
        When images, labels or targets do not fit, or the attack cannot work with this model, norm or target.
    ModelFileError
        When the model fails, or returns something other than finite logits.
    """
    name = name or type(attack).__name__.lower()
    _check_words(victim, attack, threat, targets, name)
    _check_images(images, labels, targets, threat)
    images = images.detach()
    names = identities(images.cpu().numpy()) if identity is None else np.asarray(identity, dtype=np.int64)
    with victim.held(images, seed):
        _check_classes(labels, targets, victim.n_classes)
        size = max(1, STATE_MEMORY // (4 * images[0].numel() * _COPIES))
        parts = []
        with progress.stage(f"Attacking with {name}", len(images) * attack.looks * attack.passes) as tick:
            for first in range(0, len(images), size):
                here = slice(first, first + size)
                some = images[here].to(victim.device).contiguous(memory_format=victim.layout)
                rows = labels[here].to(victim.device)
                aimed = None if targets is None else targets[here].to(victim.device)
                whole = Batch(
                    images=some,
                    labels=rows,
                    targets=aimed,
                    identity=names[here],
                    clean=victim.look(some, rows, aimed, attack.climb).logits,
                    row=torch.arange(len(rows), device=victim.device),
                    threat=threat,
                    seed=seed,
                    state={key: value[here].to(victim.device) for key, value in (given or {}).items()},
                )
                parts.append(_Session(victim, attack, whole, tick).columns())
    return AttackResult.joined(parts, attack=name, threat=threat, seed=seed, smallest=attack.policy in _SMALL)


class _Session:
    """One attack on as many images as are held at once."""

    def __init__(self, victim: Victim, attack: Attack, whole: Batch, tick: Tick) -> None:
        self.victim, self.attack, self.whole, self.tick = victim, attack, whole, tick
        called = whole.clean.argmax(dim=1)
        self.attempted = called == whole.labels
        if whole.targets is not None:
            self.attempted = (called != whole.targets) & (whole.labels != whole.targets)
        self.found = whole.images.clone()
        self.lost = ~self.attempted
        self.queries = torch.zeros_like(whole.labels)
        self.first = torch.where(self.attempted, -1, 0)
        self.blind = torch.zeros_like(self.attempted)
        self._tick(self.lost, 0, 0)

    def columns(self) -> Columns:
        """Attack; return the columns of the result."""
        for restart in range(self.attack.passes):
            if bool(self.lost.all()):
                break
            batch = self.whole.chosen(~self.lost, restart)
            self._pass(batch)
        if self.attack.policy in _SMALL and self.whole.threat.norm != "l0":
            self._tighten()
        return self._verdict()

    def _pass(self, batch: Batch) -> None:
        """Take images from their beginning to the last look, or until all of them are done."""
        attack, last = self.attack, self.attack.looks - 1
        batch.point = self._inside(batch, attack.begin(batch))
        for number in range(last + 1):
            look = self.victim.look(
                batch.point,
                batch.labels,
                batch.state.get("aim", batch.targets),
                attack.climb,
                gradient=attack.gradient and number < last,
                aims=attack.aims(batch) if number < last else None,
            )
            self._record(batch, look, number)
            if number == last or bool(batch.done.all()):
                self._put_away(batch, look)
                return
            if int(batch.done.sum()) * _CROWDED >= len(batch):
                look.keep(~batch.done)
                batch.keep(~batch.done)
            point = self._inside(batch, attack.move(batch, look, number))
            if attack.memoryless:
                self._end_still(batch, point, number)
            batch.point = point

    def _inside(self, batch: Batch, point: Tensor) -> Tensor:
        point = point.contiguous(memory_format=self.victim.layout)
        return batch.inside(point) if self.attack.policy == "budget" else batch.in_box(point)

    def _record(self, batch: Batch, look: Look, number: int) -> None:
        """Note who was asked, who is fooled now, and at what price."""
        open_ = ~batch.done
        success = succeeded(look.logits, batch.labels, batch.targets) & open_
        self.queries[batch.row[open_]] += 1
        self.tick(int(open_.sum()))
        if look.gradient is not None:
            self.blind[batch.row] |= (measure(look.gradient, "linf") == 0) & open_ & ~success
        fresh = batch.row[success]
        fresh = fresh[self.first[fresh] < 0]
        self.first[fresh] = self.queries[fresh]
        if self.attack.policy in ("budget", "first"):
            self.found[batch.row[success]] = batch.point[success]
            self.lost[batch.row[success]] = True
            batch.done = batch.done | success
            self._tick(success, batch.restart, number + 1)
        elif self.attack.policy == "smallest":
            size = measure(batch.point - batch.images, batch.threat.norm)
            better = success & (size < batch.best)
            batch.best = torch.where(better, size, batch.best)
            batch.best_point = torch.where(column(better, batch.point), batch.point, batch.best_point)

    def _end_still(self, batch: Batch, point: Tensor, number: int) -> None:
        """Let images end their pass whose point has stopped moving: every further step would repeat the last."""
        still = (measure(point - batch.point, "linf") == 0) & ~batch.done
        self.found[batch.row[still]] = point[still]
        batch.done = batch.done | still
        self.tick(int(still.sum()) * (self.attack.looks - number - 1))

    def _tick(self, rows: Tensor, restart: int, number: int) -> None:
        """Count all work that is spared for images that are lost."""
        ahead = (self.attack.passes - restart) * self.attack.looks - number
        self.tick(int(rows.sum()) * ahead)

    def _put_away(self, batch: Batch, look: Look) -> None:
        """Keep where a pass has led."""
        if self.attack.policy == "budget":
            self.found[batch.row[~batch.done]] = batch.point[~batch.done]
        elif self.attack.policy == "smallest":
            found = torch.isfinite(batch.best)
            self.found[batch.row[found]] = batch.best_point[found]
            self.lost[batch.row[found]] = True
        elif self.attack.policy == "last":
            self.found[batch.row] = batch.in_box(self.attack.settle(batch, look))

    def _tighten(self) -> None:
        """Shorten each noise that succeeds, its direction kept, to where it only just does."""
        rows = self.attempted & self.lost
        if not bool(rows.any()):
            return
        batch, best = self.whole.chosen(rows, 0), self.found[rows]
        noise = best - batch.images
        low, high = torch.zeros_like(batch.best), torch.ones_like(batch.best)
        for _ in range(_TIGHTENINGS):
            middle = (low + high) / 2
            point = batch.in_box(batch.images + column(middle, noise) * noise)
            success = succeeded(self._ask(batch, point), batch.labels, batch.targets)
            self.queries[batch.row] += 1
            high, low = torch.where(success, middle, high), torch.where(success, low, middle)
            best = torch.where(column(success, point), point, best)
        self.found[batch.row] = best

    def _ask(self, batch: Batch, points: Tensor) -> Tensor:
        return self.victim.look(points, batch.labels, batch.targets, self.attack.climb).logits

    def _verdict(self) -> Columns:
        """Judge what was found: in float32, on the clipped image, and again on the image as an 8-bit file keeps it."""
        whole = self.whole
        logits = self._asked_again(self.found, self.attempted, whole.clean)
        size, success = self._judged(self.found, logits)
        rounded_logits, rounded_size, rounded_success = logits, size, success
        if whole.threat.bounds == PIXEL_RANGE:
            rounded = rounded_to_bytes(self.found, whole.images, whole.threat)
            changed = measure(rounded - self.found, "linf") > 0
            rounded_logits = self._asked_again(rounded, changed, logits)
            rounded_size, rounded_success = self._judged(rounded, rounded_logits)
        columns = {
            "labels": whole.labels,
            "targets": torch.full_like(whole.labels, -1) if whole.targets is None else whole.targets,
            "clean_logits": whole.clean,
            "logits": logits,
            "png_logits": rounded_logits,
            "adversarial": self.found,
            "attempted": self.attempted,
            "fooled": success & (size <= whole.threat.allowed),
            "fooled_png": rounded_success & (rounded_size <= whole.threat.allowed),
            "png_within": rounded_size <= whole.threat.allowed,
            "noise": size,
            "size": torch.where(success | ~self.attempted, size, torch.inf),
            "queries": self.queries,
            "first": self.first,
            "blind": self.blind,
        }
        return {key: value.cpu().numpy() for key, value in columns.items()}

    def _asked_again(self, points: Tensor, rows: Tensor, known: Tensor) -> Tensor:
        """Return the logits of the points, those outside of some rows being known."""
        logits = known.clone()
        if bool(rows.any()):
            logits[rows] = self._ask(self.whole.chosen(rows, 0), points[rows])
        return logits

    def _judged(self, points: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the norms of the noises, and whether each attempted image is fooled, by the model's plain answer."""
        whole = self.whole
        called = logits.argmax(dim=1)
        success = called != whole.labels if whole.targets is None else called == whole.targets
        return measure(points - whole.images, whole.threat.norm), success & self.attempted


def rounded_to_bytes(points: Tensor, images: Tensor, threat: Threat) -> Tensor:
    """Return the points as an 8-bit file keeps them: rounded, towards the image where the budget would break."""
    levels = points * 255
    nearest = levels.round() * (1 / 255)
    # A thousandth of a level is rounding noise of float32, not a value between two levels.
    towards = torch.where(points > images, (levels + 1e-3).floor(), (levels - 1e-3).ceil()) * (1 / 255)
    over = measure(nearest - images, threat.norm) > threat.allowed
    return torch.where(column(over, points), towards, nearest).clamp(0, 1)


def _check_words(victim: Victim, attack: Attack, threat: Threat, targets: Tensor | None, name: str) -> None:
    if threat.norm not in attack.norms:
        raise UsageError(f"The attack {name} works in {', '.join(attack.norms)}, not in {threat.norm}.")
    if attack.policy == "budget" and threat.eps is None:
        raise UsageError(f"The attack {name} needs a budget: give --eps.")
    if not (victim.differentiable or attack.queries):
        raise UsageError(
            f"The attack {name} needs gradients, and this model can only be asked. Use an attack that asks: square."
        )
    if targets is not None and attack.aimed == "never":
        raise UsageError(f"The attack {name} cannot be aimed at a class.")
    if targets is None and attack.aimed == "always":
        raise UsageError(f"The attack {name} must be aimed at a class: give --target.")


def _check_images(images: Tensor, labels: Tensor, targets: Tensor | None, threat: Threat) -> None:
    if images.ndim != 4 or not len(images) or not images.is_floating_point():
        raise UsageError(
            f"Images must be (n, channels, height, width) floating-point numbers, at least one, not {images.dtype} of "
            f"shape {tuple(images.shape)}."
        )
    low, high = threat.bounds
    least, most = float(images.min()), float(images.max())
    if not (low <= least and most <= high):
        raise UsageError(
            f"Pixel values must lie in {low:g} to {high:g}; these lie in {least:g} to {most:g}. Give images before "
            "any normalisation, and the normalisation to Victim(model, mean=..., std=...)."
        )
    for what, values in (("labels", labels), ("targets", targets)):
        if values is not None and (values.shape != images.shape[:1] or values.is_floating_point()):
            raise UsageError(f"There must be one whole number an image for {what}, not shape {tuple(values.shape)}.")


def _check_classes(labels: Tensor, targets: Tensor | None, n_classes: int) -> None:
    for what, values in (("label", labels), ("target", targets)):
        if values is not None and (int(values.min()) < 0 or int(values.max()) >= n_classes):
            raise UsageError(
                f"A {what} is {int(values.min())} or {int(values.max())}, and the model has the classes 0 to "
                f"{n_classes - 1}."
            )
    if targets is not None and bool((targets == labels).all()):
        raise UsageError("Every target is the label itself. Aim at another class.")
