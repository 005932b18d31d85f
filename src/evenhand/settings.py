"""What a command was asked to do, as one frozen value; and the presets that fill in what was not said."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from evenhand.costs import Costs, Prior
from evenhand.errors import UsageError, suggest

ENGINES = ("local", "ray")
REPAIRS = ("none", "drop", "relabel", "soft")
REFITS = ("train", "all")
SPLIT_CHOICES = ("auto", "all", "train", "val", "test")


@dataclass(frozen=True)
class Group:
    """Remedies that are compared with a recipe of their own, beside other groups; None means: as outside the group."""

    name: str
    remedies: tuple[str, ...] | None = None
    repairs: tuple[str, ...] | None = None
    model: str | None = None
    recipe: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the group as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


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

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        UsageError
            When the split is unknown.
        """
        if self.split not in SPLIT_CHOICES:
            raise UsageError(f"There is no split {self.split!r}. {suggest(self.split, SPLIT_CHOICES)}")


@dataclass(frozen=True)
class Preset:
    """How much work a command does.

    Every remedy is screened with `screen`; the best `finalists` are judged again with `model`, which also becomes the
    final model, trained `members` times.
    """

    recipe: str
    screen: str
    model: str
    finalists: int
    folds: int
    seeds: int
    members: int
    rounds: int
    """Rounds of the label audit where remedies are compared, with one network a fold; 0: the labels are not audited.
    The first round trains on the labels as given, each further one as the round before would have them."""
    remedies: tuple[str, ...]
    repairs: tuple[str, ...]
    examiner: str = "resnet"
    """The network of the label audit."""
    alone: tuple[int, ...] = (1,)
    """Networks a fold in each round, where the command is the audit and nothing else."""
    least_views: int = 24_000
    """Images that a training sees at least, each as often as the data set is small."""
    stretch: float = 1.0
    """Epochs of the final model, as a multiple of the recipe's."""
    judged: int | None = None
    """Folds that are really held out, one after the other; None: all of them. With 1 it is a single hold-out set."""
    leak_views: int | None = None
    """Images that a training sees in all that measures what leaks into the test; None: as many as the recipe says."""
    halving: bool = False
    """Whether remedies that are clearly behind stop before they have all their trainings."""
    shorter: float = 1.0
    """Share of the recipe's epochs that every training gets; less than 1 only where there is no time."""
    leak_folds: int | None = None
    """Folds in which it is measured what parted groups are worth; None: all of them, 0: it is not measured."""
    what_next: bool = False
    """Whether learning curves say what more pictures would bring."""
    groups: tuple[Group, ...] = ()
    """What is compared with a recipe of its own, each group with everything filled in; empty: all by one recipe."""
    distil: bool = False
    """Whether the final networks are taught to a single one."""

    def examinations(self, command: str) -> tuple[int, ...]:
        """Return how many networks a fold each round of a command's label audit trains."""
        return self.alone if command == "audit" else (1,) * self.rounds


STANDARD_REMEDIES = (
    "none",
    "augment",
    "oversample",
    "undersample",
    "sampler",
    "class-weights",
    "smote",
    "balanced-softmax",
    "logit-adjust",
)

REFERENCE_REMEDIES = ("none", "augment", "sampler", "class-weights:by=class", "augment-online+sampler", "smote")
"""The six experiments of the reference study; with the sampler it augmented afresh, for it kept 5,625 examples."""

PRESETS: dict[str, Preset] = {
    "quick": Preset(
        recipe="quick",
        screen="simple",
        model="simple",
        finalists=0,
        folds=3,
        seeds=1,
        members=2,
        rounds=1,
        examiner="simple",
        alone=(1, 1),
        least_views=6_000,
        remedies=("none", "sampler", "balanced-softmax", "logit-adjust"),
        repairs=("none", "drop"),
        stretch=2.0,
        leak_views=12_000,
        leak_folds=2,
    ),
    "standard": Preset(
        recipe="standard",
        screen="simple",
        model="resnet",
        finalists=3,
        folds=4,
        seeds=1,
        members=2,
        rounds=1,
        alone=(2, 2, 2),
        remedies=STANDARD_REMEDIES,
        repairs=("none", "drop"),
        stretch=2.0,
        leak_folds=2,
        halving=True,
        what_next=True,
    ),
    "thorough": Preset(
        recipe="standard",
        screen="simple",
        model="resnet",
        finalists=3,
        folds=5,
        seeds=3,
        members=4,
        rounds=2,
        alone=(3, 3, 4),
        remedies=(*STANDARD_REMEDIES, "class-weights:gamma=0.5", "sampler:q=0.5", "augment+sampler"),
        repairs=("none", "drop"),
        stretch=3.0,
        what_next=True,
    ),
    "reference": Preset(
        recipe="reference",
        screen="simple",
        model="simple",
        finalists=0,
        folds=10,
        judged=1,
        seeds=1,
        members=1,
        rounds=0,
        least_views=0,
        examiner="simple",
        remedies=REFERENCE_REMEDIES,
        repairs=("none",),
        stretch=2.0,
        leak_views=12_000,
        leak_folds=0,
    ),
}


def resolved(settings: Settings) -> Preset:
    """Return the preset of the settings with everything the user said in its place."""
    preset = PRESETS[settings.preset]
    said: dict[str, Any] = {
        "recipe": settings.recipe,
        "folds": settings.folds,
        "seeds": settings.seeds,
        "remedies": settings.remedies,
        "repairs": settings.repairs,
        "halving": settings.halving,
        "what_next": settings.what_next,
        "distil": settings.distil or None,
    }
    if settings.groups:
        said |= _of_groups(settings, preset)
    if settings.model:
        said |= {"model": settings.model, "screen": settings.model, "examiner": settings.model, "finalists": 0}
    told = replace(preset, **{name: value for name, value in said.items() if value is not None})
    if set(told.repairs) != {"none"}:
        # A repair acts on suspects, so somebody has to look for them.
        told = replace(told, rounds=max(1, told.rounds))
    # Folds that somebody asks for are all held out in turn.
    return replace(told, judged=None) if settings.folds else told


def _of_groups(settings: Settings, preset: Preset) -> dict[str, Any]:
    """Return what a preset does where groups are compared: all that they ask for, judged once, each by its recipe."""
    asked = [within(group, settings, preset) for group in settings.groups]
    return {
        name: tuple(dict.fromkeys(one for group in asked for one in getattr(group, name) or ()))
        for name in ("remedies", "repairs")
    } | {"finalists": 0, "model": asked[0].model, "screen": asked[0].model, "groups": tuple(asked)}


def within(group: Group, settings: Settings, preset: Preset) -> Group:
    """Return the group with everything that it does not say itself: as the settings say, or else the preset."""
    return replace(
        group,
        remedies=group.remedies or settings.remedies or preset.remedies,
        repairs=group.repairs or settings.repairs or preset.repairs,
        model=group.model or settings.model or preset.screen,
        recipe=group.recipe or settings.recipe or preset.recipe,
        changes={**settings.changes, **group.changes},
    )
