"""What a search varies: settings of the recipe, the remedy with its parameters, the repair; and what a point means."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.remedies.catalogue import REMEDIES, canonical, parse
from evenhand.remedies.remedy import TUNED, Parameter, Value
from evenhand.study.judging import Candidate
from evenhand.training.recipe import OPTIMISERS, SCHEDULES, Recipe

USUAL = {"sgd": 0.02, "adamw": 0.0015}
"""The learning rate that each optimiser usually has; the search varies how many times as large it is. So the rates of
both lie on one axis, and what is learnt of one helps the other."""
RATES = (0.1, 10.0)
MOMENTA = (0.8, 0.98)
DECAYS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
BATCHES = (16, 32, 64, 128)
GENTLE = Augmentation(crop=4, flip_horizontal=True)
STRENGTHS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "mirror": Augmentation(flip_horizontal=True),
    "shift": GENTLE,
    "colours": replace(GENTLE, cutout=8, brightness=0.2, contrast=0.2, saturation=0.2),
    "trivial": replace(GENTLE, policy="trivial"),
}
"""Augmentation from none to strong; each but the last does what the one before does, and more."""
AS_GIVEN = "as given"
"""An augmentation of the recipe that is none of these."""
DIGITS = 3
"""Digits to which numbers are rounded before anything is trained: they are written into a study file, and read back."""
TENFOLD = 20.0
"""A parameter whose range spans so many times its start is searched on a logarithmic scale."""

Point = dict[str, Value]
"""A value for each setting that applies."""


class Suggests(Protocol):
    """What suggests values: a trial of Optuna."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Return a number from `low` to `high`."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Return a whole number from `low` to `high`."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""


@dataclass(frozen=True)
class Setting:
    """One thing that the search varies: a number from `low` to `high`, or one of several `choices`.

    `remedies` are those that have this parameter; empty for what every trial has.
    """

    name: str
    label: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    remedies: tuple[str, ...] = ()

    def suggest(self, trial: Suggests) -> Value:
        """Return the value that a trial suggests; where there is only one, nobody is asked."""
        if self.choices:
            found: Value = (
                trial.suggest_categorical(self.name, list(self.choices)) if len(self.choices) > 1 else self.choices[0]
            )
            return found
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    @property
    def open(self) -> bool:
        """Whether there is anything to vary."""
        return len(self.choices) != 1

    def to_json(self) -> dict[str, Any]:
        """Return the setting as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Setting:
        """Return the setting that `to_json` wrote."""
        return cls(**{**data, "choices": tuple(data["choices"]), "remedies": tuple(data["remedies"])})


@dataclass(frozen=True)
class Space:
    """The settings searched, and the recipe that everything else is taken from."""

    settings: tuple[Setting, ...]
    base: Recipe

    def point(self, trial: Suggests) -> Point:
        """Return a value for every setting that applies; the remedy, asked before its parameters, decides which do."""
        found: Point = {}
        for setting in self.settings:
            if not setting.remedies or found["remedy"] in setting.remedies:
                found[setting.name] = setting.suggest(trial)
        return found

    def candidate(self, point: Mapping[str, Value]) -> Candidate:
        """Return what a point trains: remedy, repair, and a recipe whose numbers are rounded to three digits."""
        base, said = self.base, dict(point)
        changes: dict[str, Any] = {
            name: rounded(said[name])
            for name in ("optimiser", "momentum", "weight_decay", "batch", "schedule")
            if name in said
        }
        if "rate" in said:
            usual = USUAL[str(said.get("optimiser", base.optimiser))]
            changes["learning_rate"] = rounded(usual * float(said["rate"]))
        if said.get("augmentation", AS_GIVEN) != AS_GIVEN:
            changes["augmentation"] = STRENGTHS[str(said["augmentation"])]
        return Candidate(self._remedy(said), str(said["repair"]), replace(base, **changes))

    def _remedy(self, point: Mapping[str, Value]) -> str:
        """Return the remedy of a point with the values of its parameters, in normal form."""
        text = str(point["remedy"])
        parts = []
        for part in parse(text, allow_stacking=True).parts:
            said = dict(part.parameters)
            said |= {
                name: rounded(point[f"{part.name}:{name}"])
                for name in REMEDIES[part.name].parameters
                if f"{part.name}:{name}" in point
            }
            words = ",".join(f"{name}={value}" for name, value in said.items())
            parts.append(f"{part.name}:{words}" if words else part.name)
        return canonical("+".join(parts) or "none", allow_stacking=True)

    def starts(self, first: str) -> list[Point]:
        """Return where the search begins: the recipe as it is with each remedy as it usually is, `first` in front."""
        own = {setting.name: setting for setting in self.settings}
        names = [str(name) for name in own["remedy"].choices]
        wanted = canonical(first, allow_stacking=True)
        names.sort(key=lambda name: name != wanted)
        return [
            self._plain() | {"remedy": name} | {
                setting.name: _usual(setting.name) for setting in self.settings if name in setting.remedies
            }
            for name in names
        ]  # fmt: skip

    def _plain(self) -> Point:
        """Return the point of the recipe as it is, without a remedy."""
        base = self.base
        found: Point = {
            "optimiser": base.optimiser,
            "rate": base.learning_rate / USUAL[base.optimiser],
            "momentum": base.momentum,
            "weight_decay": base.weight_decay,
            "batch": base.batch,
            "schedule": base.schedule,
            "augmentation": _strength(base.augmentation),
        }
        own = {setting.name: setting for setting in self.settings}
        return {name: value for name, value in found.items() if name in own} | {"repair": own["repair"].choices[0]}


def space_of(
    base: Recipe,
    remedies: Sequence[str],
    repairs: Sequence[str],
    *,
    fixed: Collection[str] = (),
    stacking: bool = False,
) -> Space:
    """Return what is searched.

    Every range holds what the recipe says, so that the recipe as it is can be tried too.

    Parameters
    ----------
    base : Recipe
        Epochs, network and precision are taken from it, and whatever is fixed.
    remedies : sequence of str
        To choose among. Parameters that a text sets stay as they are, all others are searched.
    repairs : sequence of str
        To choose among.
    fixed : collection of str
        Settings of the recipe that somebody has decided on, as ``learning_rate`` or ``augmentation.crop``.
    stacking : bool
        Whether several parts of a remedy may make up for the class counts.

    Raises
    ------
    UsageError
        When a remedy cannot be meant, or asks for a parameter to be tuned by other means.
    """
    names = tuple(dict.fromkeys(canonical(remedy, allow_stacking=stacking) for remedy in remedies))
    for name in names:
        if f"={TUNED}" in name:
            raise UsageError(f"tune searches the parameters of a remedy itself; write {name.partition(':')[0]} alone.")
    rate = base.learning_rate / USUAL[base.optimiser]
    decays, batches = ({*known, given} for known, given in ((DECAYS, base.weight_decay), (BATCHES, base.batch)))
    strengths = tuple(dict.fromkeys([*STRENGTHS, _strength(base.augmentation)]))
    given = (
        Setting("optimiser", "optimiser", tuple(OPTIMISERS)),
        Setting("rate", "learning rate, times the usual", low=min(RATES[0], rate), high=max(RATES[1], rate), log=True),
        Setting("momentum", "momentum", low=min(MOMENTA[0], base.momentum), high=max(MOMENTA[1], base.momentum)),
        Setting("weight_decay", "weight decay", tuple(sorted(decays))),
        Setting("batch", "images a step", tuple(sorted(batches))),
        Setting("schedule", "schedule", tuple(SCHEDULES)),
        Setting("augmentation", "augmentation", strengths),
    )
    closed = {"rate" if name == "learning_rate" else name.partition(".")[0] for name in fixed}
    settings = [setting for setting in given if setting.name not in closed]
    settings += [Setting("remedy", "remedy", names), Setting("repair", "repair", tuple(dict.fromkeys(repairs)))]
    return Space((*settings, *_parameters(names)), base)


def _parameters(remedies: Sequence[str]) -> list[Setting]:
    """Return the parameters that the texts leave open, each once with the texts that have it."""
    found: dict[str, Setting] = {}
    for text in remedies:
        for part in parse(text, allow_stacking=True).parts:
            said = {name for name, _ in part.parameters}
            for name, parameter in REMEDIES[part.name].parameters.items():
                if name not in said:
                    key = f"{part.name}:{name}"
                    known = found.get(key) or _searched(key, parameter)
                    found[key] = replace(known, remedies=(*known.remedies, text))
    return list(found.values())


def _searched(name: str, parameter: Parameter) -> Setting:
    label = name.replace(":", ", ")
    if parameter.choices:
        return Setting(name, label, tuple(parameter.choices))
    wide = parameter.low > 0 and parameter.high / parameter.low >= TENFOLD
    whole = isinstance(parameter.default, int)
    return Setting(name, label, low=parameter.low, high=parameter.high, log=wide, whole=whole)


def _usual(name: str) -> Value:
    """Return the value that a parameter of a remedy usually has."""
    part, _, parameter = name.partition(":")
    return REMEDIES[part].parameters[parameter].default


def _strength(augmentation: Augmentation) -> str:
    return next((name for name, known in STRENGTHS.items() if known == augmentation), AS_GIVEN)


def rounded(value: Value) -> Value:
    """Return a number to three digits; words and whole numbers as they are."""
    if not isinstance(value, float) or not value or not math.isfinite(value):
        return value
    return float(f"{value:.{DIGITS}g}")
