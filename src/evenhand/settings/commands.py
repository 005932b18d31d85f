"""What a command was asked to do, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evenhand.errors import UsageError, suggest
from evenhand.settings.costs import Costs, Prior
from evenhand.settings.groups import Group
from evenhand.settings.presets import PRESETS

ENGINES = ("local", "ray")

REPAIRS = ("none", "drop", "relabel", "soft")

REFITS = ("train", "all")

SPLIT_CHOICES = ("auto", "all", "train", "val", "test")

RUNS = Path("evenhand-runs")
"""Where the runs of commands lie that name no folder."""


def default_out(command: str, data: Path) -> Path:
    """Return the run folder of a command that names none: called after the data and the command."""
    return RUNS / f"{data.resolve().stem or 'data'}-{command}"


@dataclass(frozen=True)
class Settings:
    """The words of a command. None means: as the preset says.

    `allow_stacking` lets one remedy make up for the class counts in several ways at once.
    `trust` is the suspicion from which a label is acted on by a repair, `detector` who names the suspects. `refit`
    "all" trains the final model on every image, the test split included, after the honest figure was taken. `changes`
    are settings of the recipe. `edits` are ledgers of decisions about labels, replayed as one. `scale` is the demo
    set's size, where it is not the usual one. `halving` stops weak remedies early, `time_limit` is in seconds. `engine`
    says where trainings run, `address` which Ray cluster that is. `what_next` draws learning curves. `groups` come from
    a study file and stand in the place of one list of remedies.
    """

    data: Path
    out: Path
    test: Path | None = None
    edits: tuple[Path, ...] = ()
    preset: str = "standard"
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    remedies: tuple[str, ...] | None = None
    repairs: tuple[str, ...] | None = None
    allow_stacking: bool = False
    trust: float = 0.5
    detector: str = "posterior"
    model: str | None = None
    recipe: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    folds: int | None = None
    seeds: int | None = None
    seed: int = 0
    refit: str = "train"
    scale: float | None = None
    halving: bool | None = None
    time_limit: float | None = None
    what_next: bool | None = None
    groups: tuple[Group, ...] = ()
    distil: bool = False
    """Whether the final networks are taught to a single one."""
    grown: bool = False
    """Whether a run folder whose data have since grown is gone on with."""
    track: tuple[str, ...] = ()
    """Trackers that finished trainings are written for, as ``NAME`` or ``NAME:PLACE``."""
    costs: Costs | None = None
    """What mistakes cost, where that is stated; `prior` says for which mix of classes decisions are made."""
    prior: Prior | None = None
    device: str = "auto"
    jobs: int | None = None
    engine: str = "local"
    address: str | None = None
    started: float | None = field(default=None, compare=False)
    """When the command was given, by `time.monotonic`, for the time limit; None: when the work begins."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        UsageError
            When a preset, repair, refit or engine is unknown, or a number out of range.
        """
        for kind, value, known in (
            ("preset", self.preset, PRESETS),
            ("refit", self.refit, REFITS),
            ("engine", self.engine, ENGINES),
            *(("repair", repair, REPAIRS) for repair in self.repairs or ()),
            *(("repair", repair, REPAIRS) for group in self.groups for repair in group.repairs or ()),
        ):
            if value not in known:
                raise UsageError(f"There is no {kind} {value!r}. {suggest(value, known)}")
        for name, number, least in (("--folds", self.folds, 2), ("--seeds", self.seeds, 1), ("--jobs", self.jobs, 1)):
            if number is not None and number < least:
                raise UsageError(f"{name} must be at least {least}, not {number}.")
        if not 0 < self.trust <= 1:
            raise UsageError(f"--trust must be above 0 and at most 1, not {self.trust}.")
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(f"--time-limit must be above 0 seconds, not {self.time_limit}.")
        if self.prior is not None and self.costs is None:
            raise UsageError("--prior says for which mix of classes to decide; state with --costs what mistakes cost.")
        if self.address and self.engine != "ray":
            raise UsageError("--address names a Ray cluster; say --engine ray with it.")

    def to_json(self) -> dict[str, Any]:
        """Return the settings that a result depends on as plain JSON values: not places, the device or the jobs."""
        return {
            "preset": self.preset,
            "classes": list(self.classes) if self.classes else None,
            "size": list(self.size) if self.size else None,
            "remedies": list(self.remedies) if self.remedies else None,
            "repairs": list(self.repairs) if self.repairs else None,
            "trust": self.trust,
            "detector": self.detector,
            "model": self.model,
            "recipe": self.recipe,
            "changes": self.changes,
            "folds": self.folds,
            "seeds": self.seeds,
            "seed": self.seed,
            "refit": self.refit,
            "scale": self.scale,
        } | {
            name: value
            for name, value in (
                ("allow_stacking", self.allow_stacking or None),
                ("halving", self.halving),
                ("time_limit", self.time_limit),
                ("what_next", self.what_next),
                ("groups", [group.to_json() for group in self.groups] or None),
                ("distil", self.distil or None),
                ("costs", self.costs.to_json() if self.costs else None),
                ("prior", self.prior),
            )
            if value is not None
        }


@dataclass(frozen=True)
class Evaluate:
    """The words of the command `evaluate`. `network` and `classes` are needed for a foreign file of weights."""

    model: Path
    data: Path
    network: str | None = None
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    split: str = "auto"
    edits: tuple[Path, ...] = ()
    device: str = "auto"
    jobs: int | None = None
    against: Path | None = None
    """The folder of another model, to be compared with on the same images."""
    costs: Costs | None = None
    """What mistakes cost; by default as the model says, if it does."""
    prior: Prior | None = None
    reject_below: float | None = None
    """Leave answers that are less probable to people, and tell what that brings."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        UsageError
            When the split is unknown, or `reject_below` no probability.
        """
        if self.split not in SPLIT_CHOICES:
            raise UsageError(f"There is no split {self.split!r}. {suggest(self.split, SPLIT_CHOICES)}")
        # Named here, for records bring numpy, and words are read before anything numeric is needed.
        from evenhand.records.abstention import check_threshold

        check_threshold(self.reject_below)
