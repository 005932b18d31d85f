"""The search for settings as the page shows it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from evenhand.records.values import Interval
from evenhand.remedies.remedy import Value
from evenhand.reporting.charts import axis, interval, scale, share_scale
from evenhand.reporting.tune_charts import course_chart, figure_scale, parallel_chart, place_of, slice_chart
from evenhand.reporting.words import percent, points, spaced, span, spelled
from evenhand.study.tuning.figures import BETTER, FINISHED, SAME, TIED, Rival, Settled, Tried, Tuning
from evenhand.study.tuning.settle import DEFAULT
from evenhand.study.tuning.space import Setting
from evenhand.study.tuning.words import method, named, rival_name, summary, train_words

LEADING = 0.25
"""Share of the trials that stand out among the lines."""
MOST_TRIALS = 400
"""Trials in the table; the file has all."""
SHORT = {
    "optimiser": "optimiser",
    "rate": "rate, × usual",
    "momentum": "momentum",
    "weight_decay": "decay",
    "batch": "images a step",
    "schedule": "schedule",
    "augmentation": "augmentation",
    "remedy": "remedy",
    "repair": "repair",
}
"""What settings are called where there is little room."""
VERDICTS = {BETTER: "best is better", TIED: "not told apart", SAME: "the same", "worse": "best is worse"}


@dataclass(frozen=True)
class FreshRow:
    """A row of the last comparison; the best itself has no difference."""

    name: str
    chart: Markup
    figure: str
    reach: str
    gap_chart: Markup
    gap: str
    gap_reach: str
    chance: str
    verdict: str


@dataclass(frozen=True)
class ShareRow:
    """A setting and how much it mattered."""

    name: str
    chart: Markup
    share: str
    reach: str


@dataclass(frozen=True)
class Part:
    """What trials in a part of a slice came to."""

    name: str
    trials: int
    best: str
    middle: str


@dataclass(frozen=True)
class Slice:
    """A setting against the figures."""

    name: str
    chart: Markup
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class TuneView:
    """The section."""

    summary: str
    others: tuple[str, ...]
    method: str
    figure: str
    """What is judged by, as the glossary calls it."""
    fresh: tuple[FreshRow, ...]
    fresh_axis: Markup
    gap_axis: Markup
    fresh_words: str
    settings: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Name, value of the best, values of what it is held against."""
    rivals: tuple[str, ...]
    command: str
    shares: tuple[ShareRow, ...]
    share_axis: Markup
    course: Markup
    leaders: tuple[tuple[str, str, str], ...]
    """Trials that were the best when they ended: number, figure, what they are."""
    parallel: Markup
    parallel_axes: int
    columns: tuple[str, ...]
    trials: tuple[tuple[str, ...], ...]
    slices: tuple[Slice, ...]


def tune_view(found: Tuning | None) -> TuneView | None:
    """Return what the page shows of a search; None where there was none."""
    if found is None:
        return None
    first, *others = conclusion(found)
    best, figures = found.best.number, figure_scale(found.trials)
    varied = [setting for setting in found.settings if setting.open]
    always = [(SHORT[setting.name], setting) for setting in varied if not setting.remedies]
    ranked = sorted(found.trials, key=lambda trial: (-trial.value, trial.number))
    leading = {trial.number for trial in ranked[: max(1, round(LEADING * len(ranked)))]}
    values = [found.best.figure, *(rival.figure for rival in found.best.rivals)]
    own = share_scale([end for one in values for end in (one.low, one.high)])
    gaps = [end for rival in found.best.rivals for end in (rival.difference.low, rival.difference.high)]
    apart = scale(100 * min(0.0, *gaps), 100 * max(0.0, *gaps), 4)
    return TuneView(
        summary=first,
        others=tuple(others),
        method=method(found),
        figure="expected balanced accuracy" if found.expected else "balanced accuracy",
        fresh=(_own(found.best, own), *(_rival(rival, found, own, apart) for rival in found.best.rivals)),
        fresh_axis=axis(own, lambda tick: percent(tick, 0)),
        gap_axis=axis(apart, lambda tick: f"{tick:+g}".replace("-", "−").replace("+0", "0")),
        fresh_words=_fresh_words(found),
        settings=_settings(found),
        rivals=tuple("Default" if rival.name == DEFAULT else f"Recipe {found.base}" for rival in found.best.rivals),
        command="evenhand train DATA " + shlex.join(train_words(found)),
        shares=_shares(found),
        share_axis=axis(scale(0.0, 100.0, 4), lambda tick: f"{tick:g}\u00a0%"),
        course=course_chart(found.trials, best, figures, f"The figure of every trial in turn. {first}"),
        leaders=_leaders(found.trials),
        parallel=parallel_chart(always, found.trials, best, leading, figures) if len(always) > 1 else Markup(""),
        parallel_axes=len(always) + 1,
        columns=tuple(setting.label for setting in varied if not setting.remedies and setting.name != "remedy"),
        trials=tuple(_trial(trial, varied) for trial in ranked[:MOST_TRIALS]),
        slices=tuple(_slice(setting, found.trials, best) for setting in varied if _several(setting, found.trials)),
    )


def conclusion(found: Tuning) -> list[str]:
    """Return what the search comes to, with the minus and the spaces of this page."""
    return [re.sub(r"(?<=[ (])-(?=\d)", "−", spaced(line)) for line in summary(found)]


def headline(found: Tuning) -> str:
    """Return the one sentence on the search that a reader in a hurry takes away."""
    verdict, number = found.best.verdict, len(found.trials)
    if verdict == BETTER:
        return f"Better settings than the default were found in {number} trials."
    if verdict == SAME:
        return f"None of {number} trials did better than the default."
    return f"The default settings were not beaten by {number} trials."


def _own(best: Settled, own: object) -> FreshRow:
    return FreshRow(
        f"The best: {named(best.remedy, best.repair)}",
        _interval(best.figure, own, "The best", "chosen"),
        percent(best.figure.value),
        span(best.figure.low, best.figure.high),
        Markup(""),
        "",
        "",
        "",
        "",
    )


def _rival(rival: Rival, found: Tuning, own: object, apart: object) -> FreshRow:
    name = rival_name(rival, found)
    gap = rival.difference
    hundredfold = Interval(100 * gap.value, 100 * gap.low, 100 * gap.high)
    same = rival.verdict == SAME
    return FreshRow(
        name[:1].upper() + name[1:],
        _interval(rival.figure, own, name, ""),
        percent(rival.figure.value),
        span(rival.figure.low, rival.figure.high),
        Markup("") if same else _interval(hundredfold, apart, f"The best minus {name}", "chosen", mark=0.0),
        "" if same else points(gap.value),
        "" if same else f"{points(gap.low)} to {points(gap.high)}",
        "" if same else f"{rival.p:.3f}" if rival.p >= 0.001 else "under 0.001",
        VERDICTS[rival.verdict],
    )


def _interval(value: Interval, own: object, label: str, kind: str, *, mark: float | None = None) -> Markup:
    return interval(value.value, value.low, value.high, own, label, mark=mark, kind=kind)  # type: ignore[arg-type]


def _fresh_words(found: Tuning) -> str:
    best = found.best
    twice = "once" if best.seeds == 1 else f"{spelled_times(best.seeds)} with other random draws"
    labels = "the labels were judged anew by networks of these folds." if found.expected else "labels are as given."
    return (
        f"The images were dealt into new folds, {best.folds} of which were held out {twice}; {labels} In the search "
        f"the best had {percent(best.searched)}, for which it was picked; only the fresh figure is honest."
    )


def spelled_times(number: int) -> str:
    """Return ``twice``, ``three times``."""
    return "twice" if number == 2 else spelled(number, "time")


def _settings(found: Tuning) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return the settings of the best beside those that it is held against."""
    best, against = found.best, found.best.rivals
    rows = [
        ("remedy", best.remedy, tuple(rival.remedy for rival in against)),
        ("repair", best.repair, tuple(rival.repair for rival in against)),
    ]
    for name in best.changes:
        told = tuple(_said(_setting_of(rival.recipe, name)) for rival in against)
        rows.append(
            (name.replace("_", " ").replace("augmentation.", "augmentation: "), _said(best.changes[name]), told)
        )
    return tuple(rows)


def _setting_of(recipe: dict[str, object], name: str) -> object:
    outer, _, inner = name.partition(".")
    value = recipe[outer]
    return value[inner] if inner and isinstance(value, dict) else value


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shares(found: Tuning) -> tuple[ShareRow, ...]:
    labels = {setting.name: setting.label for setting in found.settings}
    whole = scale(0.0, 100.0, 4)
    return tuple(
        ShareRow(
            labels[one.name],
            _interval(
                Interval(100 * one.share.value, 100 * one.share.low, 100 * one.share.high), whole, labels[one.name], ""
            ),
            percent(one.share.value, 0),
            span(one.share.low, one.share.high, 0),
        )
        for one in found.mattered
    )


def _leaders(trials: Sequence[Tried]) -> tuple[tuple[str, str, str], ...]:
    rows, high = [], -1.0
    for trial in trials:
        if trial.state == FINISHED and trial.value > high:
            high = trial.value
            words = [named(trial.remedy, str(trial.point["repair"])), f"learning rate {trial.learning_rate:g}"]
            words += [str(trial.point[name]) for name in ("optimiser", "schedule") if name in trial.point]
            rows.append((str(trial.number), percent(high, 2), ", ".join(words)))
    return tuple(rows)


def _trial(trial: Tried, varied: Sequence[Setting]) -> tuple[str, ...]:
    values = [
        _said(trial.point[setting.name])
        if setting.whole or setting.choices
        else f"{float(trial.point[setting.name]):.3g}"
        for setting in varied
        if not setting.remedies and setting.name != "remedy"
    ]
    state = "" if trial.state == FINISHED else " (stopped)"
    return (str(trial.number), percent(trial.value, 2), f"{trial.folds}{state}", trial.remedy, *values)


def _several(setting: Setting, trials: Sequence[Tried]) -> bool:
    """Return whether there are trials of several values to compare."""
    return len({trial.point[setting.name] for trial in trials if setting.name in trial.point}) > 1


def _slice(setting: Setting, trials: Sequence[Tried], best: int) -> Slice:
    own = [trial for trial in trials if setting.name in trial.point]
    label = f"Figures against {setting.label}; the table below has the numbers."
    chart = slice_chart(setting, own, best, figure_scale(trials), label)
    return Slice(setting.label, chart, tuple(_parts(setting, own)))


def _parts(setting: Setting, trials: Sequence[Tried]) -> list[Part]:
    """Return the choices, or the thirds of a range, with what trials there came to."""
    if setting.choices:
        groups = [
            (_said(value), [one for one in trials if one.point[setting.name] == value]) for value in setting.choices
        ]
    else:
        ends = [_value_at(setting, share / 3) for share in range(4)]
        groups = [
            (
                f"{ends[third]:.3g} to {ends[third + 1]:.3g}",
                [one for one in trials if _third(setting, one.point[setting.name]) == third],
            )
            for third in range(3)
        ]
    return [
        Part(
            name,
            len(found),
            percent(max(one.value for one in found)) if found else "–",
            percent(median(one.value for one in found)) if found else "–",
        )
        for name, found in groups
    ]


def _third(setting: Setting, value: Value) -> int:
    return min(2, int(3 * place_of(setting, value)))


def _value_at(setting: Setting, share: float) -> float:
    if setting.log:
        return float(setting.low * (setting.high / setting.low) ** share)
    return setting.low + share * (setting.high - setting.low)
