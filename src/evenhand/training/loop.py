"""The one loop: carries out a plan with a recipe. It names no remedy and no model."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evenhand.data.batches import Augmentation, Augmenter, to_network, uniform
from evenhand.models.catalogue import build, on_features
from evenhand.models.heads import PLAIN, Shape
from evenhand.models.pretrained_network import measure
from evenhand.progress import Tick
from evenhand.records.comparison import Curve
from evenhand.records.values import Floats, Ints, Pixels
from evenhand.remedies.plan import Mixing, Plan
from evenhand.remedies.synthesis import synthesise
from evenhand.training.averaging import Average
from evenhand.training.distilling import Teacher
from evenhand.training.early_stop import EarlyStop
from evenhand.training.losses import criterion
from evenhand.training.mixing import Mixer
from evenhand.training.optimisers import OPTIMISERS, SCHEDULES
from evenhand.training.order import epoch_order
from evenhand.training.perturbation import Perturber
from evenhand.training.predict import autocast
from evenhand.training.recipe import Recipe
from evenhand.training.watching import BEFORE, Watch, mean_loss

SYNTHETIC = 1 << 32
"""Identities of synthetic images start here, far above any row of a manifest."""
INNER_SHARE = 0.1
"""Share of the training images that early stopping sets aside."""


@dataclass(frozen=True)
class TrainingSet:
    """What one training sees.

    Parameters
    ----------
    pixels : (n, height, width, 3) uint8, or (n, 1, 2, D) float32 where the backbone is frozen
        Images, or the features of each image and of its mirror image.
    targets : (n,) int64 labels, or (n, K) float soft labels whose rows sum to 1
    identity : (n,) int64
        Row of each image in the manifest: its crops and flips depend on this, not on its neighbours.
    """

    pixels: Pixels
    targets: Ints | Floats
    identity: Ints

    def select(self, rows: Ints) -> TrainingSet:
        """Return the images of some rows."""
        return TrainingSet(self.pixels[rows], self.targets[rows], self.identity[rows])


@dataclass(frozen=True)
class Fitted:
    """A trained network in evaluation mode, and how its losses went."""

    network: nn.Module
    curve: Curve
    diverged_at: int | None
    """The step whose loss was no longer a finite number, if any; training stops there."""
    untrained: float | None = None
    """The loss before the first step, in training mode; only where the training was watched."""


def fit(
    data: TrainingSet,
    plan: Plan,
    recipe: Recipe,
    *,
    n_classes: int,
    seed: int,
    device: str = "cpu",
    teacher: Teacher | None = None,
    validation: TrainingSet | None = None,
    watched: TrainingSet | None = None,
    tick: Tick | None = None,
) -> Fitted:
    """Return a network trained by the plan and the recipe, as a function of the arguments alone.

    Parameters
    ----------
    data : TrainingSet
        The training part; whatever the plan synthesises is made from it.
    plan : Plan
        What the remedy asks for.
    recipe : Recipe
        Its precision must be settled (not "auto").
    n_classes : int
        Number of classes, K.
    seed : int
        Decides initial weights, order, crops, flips and dropout.
    device : str
        A torch device.
    teacher : Teacher, optional
        Whose answers the network learns beside the labels.
    validation : TrainingSet, optional
        What early stopping watches: an inner slice of the training part (`inner_slice`), never a held-out fold.
        Without it training runs for all epochs.
    watched : TrainingSet, optional
        Images whose loss is told after each epoch, and nothing is decided by. It stands in the curve as the validation
        loss, unless early stopping has one.
    tick : callable, optional
        Told 1 after every epoch.
    """
    plain = len(data.targets)
    data = _with_synthesis(data, plan, seed)
    with torch.random.fork_rng(devices=[] if device == "cpu" else None):
        torch.manual_seed(_generator_seed(seed, "weights"))
        network = _fresh(data, plan, recipe, n_classes).to(device)
        if recipe.channels_last:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        session = _Session(network, data, mixed(plan, recipe), recipe, n_classes, seed, device, plain)
        session.teacher = teacher
        untrained = session.untrained() if watched else None
        seen = Watch(network, watched.pixels, one_hot(watched.targets, n_classes), recipe) if watched else None
        watch = None
        if validation and recipe.early_stopping:
            watch = EarlyStop(network, validation.pixels, one_hot(validation.targets, n_classes), recipe)
        while session.unfinished and session.diverged_at is None:
            passed = session.run_epoch()
            if seen:
                seen.look(session.average)
            if tick:
                tick(1)
            # With few images an epoch the watch would look, and lose patience, many times as often; and before the
            # last stage has begun, the plan has not shown what it can do.
            if watch and passed and session.in_last_stage and watch.should_stop(session.average):
                break
        if watch and watch.best:
            network.load_state_dict(watch.best)
        elif session.average:
            session.average.settle()
    network.eval()
    losses = tuple(watch.losses if watch else seen.losses if seen else ())
    curve = Curve(tuple(session.step_loss), tuple(session.epoch_loss), losses)
    return Fitted(network, curve, session.diverged_at, untrained)


def _fresh(data: TrainingSet, plan: Plan, recipe: Recipe, n_classes: int) -> nn.Module:
    """Return the untrained network; on a frozen backbone it knows how its features are spread."""
    shape, (height, width, channels) = shape_of(plan), data.pixels.shape[1:]
    if not recipe.frozen:
        return build(recipe.model, n_classes=n_classes, size=(height, width), width=recipe.width, shape=shape)
    network = on_features(n_classes=n_classes, width=channels, shape=shape)
    measure(network, torch.from_numpy(data.pixels))
    return network


def shape_of(plan: Plan) -> Shape:
    """Return what the plan wants to stand on a network's first layers."""
    if plan.head is None:
        return PLAIN
    if plan.head.kind == "cosine":
        return Shape("cosine", scale=plan.head.scale)
    return Shape(experts=len(plan.head.logit_offsets))


def one_hot(targets: Ints | Floats, n_classes: int) -> NDArray[np.float64]:
    """Return (n, K) float64 label rows from integer or soft labels."""
    if targets.ndim == 2:
        return targets.astype(np.float64)
    return np.eye(n_classes)[targets]


def _generator_seed(seed: int, stream: str, epoch: int = 0) -> int:
    return int(uniform(stream, seed, epoch, np.zeros(1, dtype=np.int64))[0] * 2**53)


def inner_slice(data: TrainingSet, n_classes: int, seed: int) -> NDArray[np.bool_]:
    """Return which images early stopping sets aside: a tenth of each class, as a function of seed and image.

    Returns
    -------
    (n,) bool
    """
    labels = one_hot(data.targets, n_classes).argmax(axis=1)
    lottery = uniform("inner", seed, 0, data.identity)
    held = np.zeros(len(labels), dtype=bool)
    for label in range(n_classes):
        members = np.flatnonzero(labels == label)
        share = round(INNER_SHARE * len(members)) if len(members) < 10 else max(1, round(INNER_SHARE * len(members)))
        held[members[np.argsort(lottery[members], kind="stable")][:share]] = True
    return held


def mixed(plan: Plan, recipe: Recipe) -> Plan:
    """Return the plan with the recipe's mixup, where it does not mix images itself.

    References
    ----------
    Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018.
    """
    return replace(plan, mixing=Mixing("blend", recipe.mixup)) if recipe.mixup and not plan.mixing else plan


def _with_synthesis(data: TrainingSet, plan: Plan, seed: int) -> TrainingSet:
    if plan.synthesis is None:
        return data
    added: Ints | Floats
    if data.targets.ndim == 1:
        labels = data.targets.astype(np.int64)
        pixels, added = synthesise(plan.synthesis, data.pixels, labels, seed, identity=data.identity)
    else:
        soft = data.targets.astype(np.float32)
        pixels, added = synthesise(plan.synthesis, data.pixels, soft, seed, identity=data.identity)
    return TrainingSet(
        np.concatenate([data.pixels, pixels]),
        np.concatenate([data.targets, added]),
        np.concatenate([data.identity, SYNTHETIC + np.arange(len(added), dtype=np.int64)]),
    )


class _Session:
    """One training under way: network, optimiser and data on their device."""

    def __init__(
        self,
        network: nn.Module,
        data: TrainingSet,
        plan: Plan,
        recipe: Recipe,
        n_classes: int,
        seed: int,
        device: str,
        plain: int,
    ) -> None:
        self.network, self.plan, self.recipe, self.seed = network, plan, recipe, seed
        self.plain, self.epoch, self.seen = plain, 0, 0
        self.total = recipe.epochs * plain if recipe.equal_work else 0
        self.targets = one_hot(data.targets, n_classes)
        self.identity = data.identity
        self.size = (data.pixels.shape[1], data.pixels.shape[2])
        self.pixels = torch.from_numpy(np.ascontiguousarray(data.pixels)).to(device)
        soft = data.targets.ndim == 2
        rows = self.targets.astype(np.float32) if soft or plan.mixing else data.targets
        self.labels = torch.from_numpy(rows).to(device)
        self.parameters: list[Tensor] = list(network.parameters())
        self.move = OPTIMISERS[recipe.optimiser](self.parameters, recipe)
        self.average = Average(network, recipe.ema) if recipe.ema else None
        self.augmentation = plan.augmentation or recipe.augmentation
        if recipe.frozen:
            # Of each image two features are there: what else happens to pictures cannot happen to them.
            self.augmentation = Augmentation(flip_horizontal=self.augmentation.flip_horizontal)
        self.step_loss: list[float] = []
        self.epoch_loss: list[float] = []
        self.diverged_at: int | None = None
        self.teacher: Teacher | None = None

    @property
    def _progress(self) -> float:
        """The share of the training that is over; half an image more, so that rounding cannot hold a stage back."""
        return (self.seen + 0.5) / self.total if self.total else 0.0

    @property
    def in_last_stage(self) -> bool:
        """Whether nothing in the plan is going to change any more."""
        return all(self._progress >= stage.start for stage in self.plan.stages or ())

    @property
    def unfinished(self) -> bool:
        """Whether there are images left to be seen; at the start of an unlimited training it is not yet known."""
        return self.seen < self.total or self.epoch == 0

    def untrained(self) -> float:
        """Return the mean loss before the first step, dropout and the plan's changes included; nothing is changed."""
        plan = self.plan.at(0.0)
        order = epoch_order(plan.draw, self.targets, self.identity, seed=self.seed, epoch=0)[:BEFORE]
        torch.manual_seed(_generator_seed(self.seed, "dropout"))
        asked = criterion(plan.loss, self.recipe, str(self.pixels.device), plan.head)
        return mean_loss(copy.deepcopy(self.network).train(), self._batches(order, 0), asked)

    def run_epoch(self) -> bool:
        """Train one epoch, the last one perhaps cut short; return whether a plain training set's worth has passed."""
        plan = self.plan.at(self._progress)
        self.criterion = criterion(plan.loss, self.recipe, str(self.pixels.device), plan.head)
        order = epoch_order(plan.draw, self.targets, self.identity, seed=self.seed, epoch=self.epoch)
        self.total = self.total or self.recipe.epochs * len(order)
        order = order[: self._until() - self.seen]
        torch.manual_seed(_generator_seed(self.seed, "dropout", self.epoch))
        self.network.train()
        schedule = SCHEDULES[self.recipe.schedule]
        losses: list[Tensor] = []
        perturber = self._perturber()
        for number, (batch, labels) in enumerate(self._batches(order, self.epoch)):
            rate = self.recipe.learning_rate * schedule((self.seen + number * self.recipe.batch) / self.total)
            images = perturber.apply(batch, labels, self.criterion) if perturber else batch
            losses.append(self._step(images, labels, rate))
        found = torch.stack(losses).double().cpu().numpy()
        if not np.isfinite(found).all():
            first = int(np.flatnonzero(~np.isfinite(found))[0])
            self.diverged_at = len(self.step_loss) + first
        self.step_loss += found.tolist()
        self.epoch_loss.append(float(found.mean()))
        passes = self.seen // self.plain
        self.seen += len(order)
        self.epoch += 1
        return self.seen // self.plain > passes

    def _perturber(self) -> Perturber | None:
        """Return what spoils the batches of this epoch; its dice are its own, so that dropout's fall as ever."""
        if self.plan.perturbation is None:
            return None
        dice = torch.Generator().manual_seed(_generator_seed(self.seed, "perturbation", self.epoch))
        return Perturber(self.plan.perturbation, self.network, self.recipe.precision, dice)

    def _until(self) -> int:
        """Return how many images will have been seen when the plan next changes, or at the end."""
        ends = [math.ceil(stage.start * self.total - 0.5) for stage in self.plan.stages or ()]
        return min([end for end in ends if end > self.seen] + [self.total])

    def _batches(self, order: Ints, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches; several small ones are prepared at once, since the cost of preparing is a cost a call."""
        size = self.recipe.batch
        together = size * max(1, 512 // size)
        own = self._augmenter(order, epoch)
        mixer, others = None, None
        if self.plan.mixing:
            words = {"seed": self.seed, "epoch": epoch}
            mixer = Mixer(self.plan.mixing, order, self.targets, self.identity, self.size, **words)
            # What happens to a partner is told by the image it is mixed with, in an epoch of its own.
            others = self._augmenter(order, ~epoch)
        for first in range(0, len(order), together):
            images, labels = self._prepared(order, own, first, together)
            if mixer:
                partners, theirs = self._prepared(mixer.partners, others, first, together)
                images, labels = mixer.images(images, partners, first), mixer.labels(labels, theirs, first)
            yield from zip(torch.split(images, size), torch.split(labels, size), strict=True)

    def _augmenter(self, order: Ints, epoch: int) -> Augmenter | None:
        if not self.augmentation.active:
            return None
        return Augmenter(self.augmentation, self.size, seed=self.seed, epoch=epoch, index=self.identity[order])

    def _prepared(self, order: Ints, augmenter: Augmenter | None, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Return images and labels number `first` and following of an order, ready for the network."""
        rows = torch.from_numpy(order[first : first + count]).to(self.pixels.device)
        pixels = self.pixels.index_select(0, rows)
        if augmenter:
            pixels = augmenter.apply(pixels, first)
        return to_network(pixels, channels_last=self.recipe.channels_last), self.labels.index_select(0, rows)

    def _step(self, batch: Tensor, labels: Tensor, rate: float) -> Tensor:
        with autocast(self.recipe.precision, batch.device.type):
            logits = self.network(batch)
        if self.teacher:
            loss = self.teacher.loss(logits.float(), batch, labels, self.criterion)
        else:
            loss = self.criterion(logits.float(), labels)
        gradients = list(torch.autograd.grad(loss, self.parameters, materialize_grads=True))
        with torch.no_grad():
            self.move(gradients, rate)
        if self.average:
            self.average.update()
        return loss.detach()
