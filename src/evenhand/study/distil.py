"""Distillation: the averaged networks of a final model taught to one network of the same recipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.torch import save

from evenhand.disk import write_bytes
from evenhand.models.heads import Shape
from evenhand.models.pretrained import remember
from evenhand.records.values import Floats, Ints, digest
from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.plan import Draw, Plan
from evenhand.study.bench import Bench
from evenhand.study.final import load_member, member_trials, place_of, whole
from evenhand.study.prior import Doubles, assumed_prior, shown_shares
from evenhand.study.trial import Targets, Trial, Workplace, train
from evenhand.training.distilling import Teacher
from evenhand.training.loop import shape_of
from evenhand.training.model_file import Model
from evenhand.training.recipe import Recipe

STUDENT_NUMBER = 900
"""The student is numbered apart from members, so that it draws other crops than its teachers did."""
SOFTNESS = 2.0
WEIGHT = 0.9
"""Share of the teacher in the loss; see `Teacher`."""


@dataclass(frozen=True)
class Lesson:
    """Everything that the training of a student depends on, beside the files it names."""

    workplace: Workplace
    trial: Trial
    remedy: str
    teachers: tuple[str, ...]
    """Keys of the members."""
    shape: Shape
    """Of the members."""
    size: tuple[int, int]
    logit_offsets: tuple[float, ...] | None
    temperature: float

    @property
    def place(self) -> Path:
        """Where the student's weights are kept."""
        told = {name: value for name, value in vars(self).items() if name not in ("workplace", "trial", "shape")}
        key = digest({**told, "trial": asdict(self.trial), "softness": SOFTNESS, "weight": WEIGHT})
        return self.workplace.run / "cache" / "members" / f"student-{key}.safetensors"


def distilled(bench: Bench, remedy: str, recipe: Recipe, targets: Targets, model: Model, *, title: str) -> Model:
    """Return one network that was taught by all members of a model; it is trained once and then only read.

    The student learns the teachers' calibrated probabilities, corrections of the prior included, so that it needs
    neither a temperature nor offsets of its own.

    Parameters
    ----------
    bench : Bench
        What the members were trained on.
    remedy : str
        Their remedy.
    recipe : Recipe
        Their recipe, and the student's.
    targets : Targets
        Their labels.
    model : Model
        The averaged members, with temperature and offsets.
    title : str
        Said above the progress bar.
    """
    name = bench.save(targets)
    teachers = member_trials(bench, remedy, recipe, name, len(model.members))
    lesson = Lesson(
        bench.workplace,
        bench.trial("none", recipe, held=(), targets=name, number=STUDENT_NUMBER),
        remedy,
        tuple(trial.key for trial in teachers),
        model.shape,
        model.size,
        model.logit_offsets,
        model.temperature,
    )
    missing = [] if lesson.place.exists() else [lesson]
    with bench.progress.stage(title, 1) as tick:
        tick(1 - len(missing))
        bench.engine.map(teach, missing, tick)
    labels = targets.labels[targets.keep]
    shape = shape_of(student_plan(remedy, labels, bench.n_classes))
    student = load_member(lesson.place, recipe, shape, bench.n_classes, model.size)
    students = whole((student,), recipe, shape, bench.n_classes, model.size)
    return replace(model, members=students, temperature=1.0, logit_offsets=None, shape=shape)


def teach(lesson: Lesson) -> str:
    """Train a student and write its weights. Runs in a worker process."""
    workplace, trial = lesson.workplace, lesson.trial
    remember(workplace.backbones)
    recipe, n_classes = trial.recipe, workplace.n_classes
    members = tuple(
        load_member(place_of(workplace, key), recipe, lesson.shape, n_classes, lesson.size).to(workplace.device)
        for key in lesson.teachers
    )
    teacher = Teacher(members, lesson.logit_offsets, lesson.temperature, SOFTNESS, WEIGHT, recipe.precision)
    targets = workplace.targets(trial.targets)
    chosen = np.flatnonzero(targets.keep).astype(np.int64)
    asked = student_plan(lesson.remedy, targets.labels[chosen], n_classes)
    fitted, _ = train(workplace, trial, chosen, asked=asked, teacher=teacher)
    weights = {name: value.detach().cpu().contiguous() for name, value in fitted.network.state_dict().items()}
    lesson.place.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(lesson.place, save(weights))
    return lesson.place.name


def student_plan(remedy: str, labels: Ints | Floats, n_classes: int) -> Plan:
    """Return the plan of a student: the pictures that the remedy shows, and nothing else of it.

    What the remedy does to the loss, the head or the finished logits is in the teachers' answers already. But where a
    student cannot follow everywhere, it follows best where most pictures are. So if the remedy makes probabilities for
    another mix of classes than it shows, pictures are drawn by weight until the mix is the one they are made for.
    """
    plan = plan_for(remedy, labels, n_classes, allow_stacking=True)
    shown = Plan(synthesis=plan.synthesis, draw=plan.at(1.0).draw, augmentation=plan.augmentation, mixing=plan.mixing)
    prior, shares = assumed_prior(remedy, labels, n_classes), shown_shares(shown, labels, n_classes)
    if np.allclose(prior, shares, atol=1e-3):
        return shown
    undrawn = shown_shares(replace(shown, draw=None), labels, n_classes)
    return replace(shown, draw=Draw("weighted", _weights(prior, undrawn), _images(plan, labels)))


def _weights(prior: Doubles, shares: Doubles) -> tuple[float, ...]:
    found = np.divide(prior, shares, out=np.zeros(len(prior)), where=shares > 0)
    return tuple((found / found.max()).tolist())


def _images(plan: Plan, labels: Ints | Floats) -> int:
    return len(labels) + (sum(plan.synthesis.totals()) if plan.synthesis else 0)
