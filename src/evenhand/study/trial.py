"""A trial is a function of its key: what it depends on, how it is carried out, and what it leaves behind."""

from __future__ import annotations

import functools
import hashlib
import platform
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import evenhand
from evenhand.disk import write_arrays
from evenhand.models.pretrained import remember
from evenhand.records.comparison import Curve
from evenhand.records.values import Floats, Ints, Pixels, digest
from evenhand.remedies.catalogue import plan_for, trunk_part
from evenhand.remedies.plan import Plan
from evenhand.store import RunFolder
from evenhand.study.trunks import Trunk
from evenhand.training.distilling import Teacher
from evenhand.training.frozen import place_of_features
from evenhand.training.loop import Fitted, TrainingSet, fit, inner_slice
from evenhand.training.precision import machine
from evenhand.training.predict import embed, predict, unit_length
from evenhand.training.recipe import Recipe
from evenhand.training.refit import Refitted, refit

NUMERIC_ROOMS = (
    "models",
    "training",
    "remedies",
    "data/batches.py",
    "data/policy.py",
    "study/trial.py",
    "study/trunks.py",
)
"""What decides the numbers of a trial; a change in these files makes old trials count as different ones."""


@dataclass(frozen=True)
class Targets:
    """The labels a trial is trained with, and which images take part; `n` counts the training images of the run."""

    keep: NDArray[np.bool_]
    """(n,) whether the image may be trained on."""
    labels: Ints | Floats
    """(n,) labels or (n, K) soft labels."""

    @classmethod
    def placed(
        cls, given: Ints, positions: Ints, keep: NDArray[np.bool_], labels: Ints | NDArray[np.floating[Any]], k: int
    ) -> Targets:
        """Return targets for all images of `given`, repaired at `positions` and as given elsewhere.

        Parameters
        ----------
        given : (n,) int64
            Labels of all images.
        positions : (m,) int64
            Images that `keep` (m,) and `labels`, (m,) or (m, k), speak of.
        k : int
            Number of classes.
        """
        everywhere = np.ones(len(given), dtype=bool)
        everywhere[positions] = keep
        found: Ints | Floats = given.copy() if labels.ndim == 1 else np.eye(k, dtype=np.float32)[given]
        found[positions] = labels
        return cls(everywhere, found)

    @property
    def name(self) -> str:
        """The digest of the content."""
        soft = self.labels.astype(np.float32 if self.labels.ndim == 2 else np.int64)
        return hashlib.sha256(self.keep.tobytes() + soft.tobytes()).hexdigest()[:20]


@dataclass(frozen=True)
class Trial:
    """Everything the result of one training depends on."""

    data: str
    """Fingerprint of the training images: pixels, labels, groups."""
    folds: str
    """Digest of the fold of each image."""
    held: tuple[int, ...]
    """Folds that are not trained on and are predicted afterwards; none for a final model."""
    targets: str
    """Name of the `Targets`: the labels as given, or as a repair left them."""
    remedy: str
    """Canonical name, without the parts that act only on finished predictions."""
    recipe: Recipe
    seed: int
    environment: str
    features: bool = False
    """Whether the features of the predicted images are kept beside their logits."""
    parent: str = ""
    """Key of the trial whose trunk gets another last layer; empty where a network is trained."""
    watched: bool = False
    """Whether the loss on what is held out is measured after each epoch, and that on the rest before the first step."""

    @property
    def key(self) -> str:
        """The digest of all of it: the trial's folder."""
        return digest(asdict(self))

    @property
    def first(self) -> Trial:
        """The trial whose trunk this one works with; itself where the remedy has no second training."""
        return replace(self, remedy=trunk_part(self.remedy), features=False, parent="") if self.parent else self


@functools.cache
def environment() -> dict[str, Any]:
    """Return what else the bytes of a result depend on: versions, processor and the code of the numeric rooms."""
    root = Path(evenhand.__file__).parent
    hasher = hashlib.sha256()
    for room in NUMERIC_ROOMS:
        place = root / room
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            hasher.update(file.read_bytes())
    return {
        "evenhand": evenhand.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": machine("cpu"),
        "code": hasher.hexdigest()[:20],
    }


@dataclass(frozen=True)
class Workplace:
    """Where trials find their data: small enough to travel to a worker, which opens the files by itself."""

    run: Path
    pixels: Path
    n_classes: int
    device: str
    scope: str = "study"
    """Folder of the labels inside the run's cache; the final refit on all images has one of its own."""
    backbones: tuple[tuple[str, str], ...] = ()
    """Name and folder of every pre-trained backbone."""
    trunks: tuple[str, ...] = ()
    """Keys of the trials whose trunks other trials wait for."""

    def trunk(self, key: str) -> Path:
        """Return where the trunk of a trial is kept."""
        return self.run / "cache" / "trunks" / f"{key}.npz"

    @property
    def _folder(self) -> Path:
        return self.run / "cache" / self.scope

    def save_rows(self, rows: Ints, folds: Ints) -> None:
        """Write which rows of the pixels are the training images, and the fold of each."""
        self._save("rows", rows=rows, folds=folds)

    def save_targets(self, targets: Targets) -> str:
        """Write the targets under their name and return it."""
        self._save(f"targets-{targets.name}", keep=targets.keep, labels=targets.labels)
        return targets.name

    def _save(self, name: str, **arrays: NDArray[Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_arrays(self._folder / f"{name}.npz", arrays)

    def targets(self, name: str) -> Targets:
        """Return the targets of that name."""
        with np.load(self._folder / f"targets-{name}.npz", allow_pickle=False) as file:
            return Targets(file["keep"], file["labels"])

    def rows(self) -> tuple[Ints, Ints]:
        """Return rows and folds as they were saved."""
        with np.load(self._folder / "rows.npz", allow_pickle=False) as file:
            return file["rows"], file["folds"]


def execute(task: tuple[Workplace, Trial]) -> str:
    """Carry out one trial and commit it to the run folder; return its key. Runs in a worker process."""
    workplace, trial = task
    start = time.perf_counter()
    facts, left, curve = (_with_trunk if trial.parent else _from_pixels)(workplace, trial)
    RunFolder(workplace.run).commit_trial(
        trial.key, asdict(trial) | facts, left, curve_table(curve), time.perf_counter() - start
    )
    return trial.key


_Left = tuple[dict[str, Any], dict[str, NDArray[Any]], Curve]
"""What a trial leaves: facts, arrays, and the losses of its training."""


def _from_pixels(workplace: Workplace, trial: Trial) -> _Left:
    """Train a network, and predict what was held out."""
    rows, folds = workplace.rows()
    targets = workplace.targets(trial.targets)
    held = np.isin(folds, trial.held)
    fitted, count = train(workplace, trial, np.flatnonzero(~held & targets.keep))
    pixels, predicted = shown(workplace, trial.recipe), rows[held]
    left: dict[str, NDArray[Any]] = {
        "rows": predicted,
        "logits": predict_rows(fitted, pixels, predicted, trial.recipe),
    }
    if trial.features:
        left["features"] = embed(fitted.network, pixels[predicted], trial.recipe).astype(np.float16)
    if trial.key in workplace.trunks:
        Trunk.of(fitted.network, pixels[rows], trial.recipe).save(workplace.trunk(trial.key))
    facts: dict[str, Any] = {"trained_on": count, "diverged_at": fitted.diverged_at}
    if fitted.untrained is not None and np.isfinite(fitted.untrained):
        facts["untrained"] = fitted.untrained
    return facts, left, fitted.curve


def _with_trunk(workplace: Workplace, trial: Trial) -> _Left:
    """Put another last layer on the trunk of the parent, and predict what was held out."""
    rows, folds = workplace.rows()
    targets = workplace.targets(trial.targets)
    held = np.isin(folds, trial.held)
    trunk = Trunk.load(workplace.trunk(trial.parent))
    parent = RunFolder(workplace.run).read_trial(trial.parent)
    chosen = np.flatnonzero(~held & targets.keep)
    found = second_training(workplace, trial, trunk, chosen)
    left: dict[str, NDArray[Any]] = {
        "rows": rows[held],
        "logits": found.layer.logits(trunk.select(np.flatnonzero(held))),
    }
    if trial.features:
        left["features"] = unit_length(trunk.views[0, held]).astype(np.float16)
    before = read_curve(parent.curve)
    curve = replace(
        before, step_loss=before.step_loss + found.step_loss, epoch_loss=before.epoch_loss + found.epoch_loss
    )
    return {"trained_on": len(chosen), "diverged_at": parent.result["diverged_at"]}, left, curve


def second_training(workplace: Workplace, trial: Trial, trunk: Trunk, chosen: Ints) -> Refitted:
    """Return the last layer made anew for the `chosen` positions among the trunk's images.

    Raises
    ------
    ValueError
        When the trial's remedy has no second training.
    """
    torch.set_num_threads(1)
    rows, _ = workplace.rows()
    labels = workplace.targets(trial.targets).labels[chosen]
    asked = plan(workplace, trial, labels).refit
    if asked is None:
        raise ValueError(f"{trial.remedy} has no second training")
    return refit(
        asked,
        trunk.select(chosen),
        labels,
        rows[chosen],
        trunk.layer,
        n_classes=workplace.n_classes,
        seed=trial.seed,
    )


def plan(workplace: Workplace, trial: Trial, labels: Ints | Floats) -> Plan:
    """Return the plan of a trial on the labels of its training part; stacking was refused or allowed before."""
    return plan_for(trial.remedy, labels, workplace.n_classes, allow_stacking=True)


def train(
    workplace: Workplace, trial: Trial, chosen: Ints, *, asked: Plan | None = None, teacher: Teacher | None = None
) -> tuple[Fitted, int]:
    """Return the network trained on the `chosen` positions among the run's training images, and how many they are.

    It is trained by the plan of the trial's remedy, or by the one `asked` for, and with a teacher where there is one.
    """
    torch.set_num_threads(1)
    rows, folds = workplace.rows()
    remember(workplace.backbones)
    targets, pixels = workplace.targets(trial.targets), shown(workplace, trial.recipe)
    data = TrainingSet(pixels[rows[chosen]], targets.labels[chosen], rows[chosen])
    held = np.flatnonzero(np.isin(folds, trial.held))
    watched = TrainingSet(pixels[rows[held]], targets.labels[held], rows[held]) if trial.watched else None
    validation = None
    if trial.recipe.early_stopping:
        inner = inner_slice(data, workplace.n_classes, trial.seed)
        data, validation = data.select(np.flatnonzero(~inner)), data.select(np.flatnonzero(inner))
    fitted = fit(
        data,
        asked or plan(workplace, trial, data.targets),
        trial.recipe,
        n_classes=workplace.n_classes,
        seed=trial.seed,
        device=workplace.device,
        teacher=teacher,
        validation=validation,
        watched=watched,
    )
    return fitted, len(data.targets)


def shown(workplace: Workplace, recipe: Recipe) -> Pixels:
    """Return what networks of a recipe look at, all images of the run: pixels, or features of a frozen backbone."""
    return _pixels(place_of_features(workplace.pixels, recipe.model) if recipe.frozen else workplace.pixels)


def training_pixels(workplace: Workplace, recipe: Recipe) -> Pixels:
    """Return what networks of a recipe look at, of the run's training images."""
    rows, _ = workplace.rows()
    return np.asarray(shown(workplace, recipe)[rows])


def predict_rows(fitted: Fitted, pixels: Pixels, rows: Ints, recipe: Recipe) -> Floats:
    """Return logits of some rows; mirror images are averaged in where the recipe trains on mirror images."""
    return predict(fitted.network, pixels[rows], recipe, flips=recipe.augmentation.flip_horizontal)


def curve_table(curve: Curve) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows of ``curve.csv``: losses a step, then an epoch, then of the inner validation slice."""
    parts = (("step", curve.step_loss), ("epoch", curve.epoch_loss), ("validation", curve.validation_loss))
    return ["kind", "number", "loss"], [
        [kind, number, repr(value)] for kind, values in parts for number, value in enumerate(values, 1)
    ]


def read_curve(rows: list[dict[str, str]]) -> Curve:
    """Return the curve that `curve_table` described."""
    found: dict[str, list[float]] = {"step": [], "epoch": [], "validation": []}
    for row in rows:
        found[row["kind"]].append(float(row["loss"]))
    return Curve(tuple(found["step"]), tuple(found["epoch"]), tuple(found["validation"]))


@functools.lru_cache(maxsize=4)
def _pixels(path: Path) -> Pixels:
    """Open memory-mapped pixels or features once a worker."""
    pixels: Pixels = np.load(path, mmap_mode="r")
    return pixels
