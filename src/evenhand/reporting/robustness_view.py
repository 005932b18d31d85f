"""How a model breaks, as the page shows it: sentences, what was tried, accuracy against noise, the smallest noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from evenhand.attacks.threat import NORMS
from evenhand.reporting import robustness_parts as parts
from evenhand.reporting.charts import WHOLE, Scale, axis, bar, interval, scale
from evenhand.reporting.robustness import Attacked
from evenhand.reporting.robustness_charts import Point, Series, legend, share_chart
from evenhand.reporting.robustness_words import (
    NORM_UNITS,
    NORM_WORDS,
    amount,
    attack_name,
    budget,
    images_sentence,
    reach,
    unit,
    with_reach,
)
from evenhand.reporting.words import percent, span, spelled

_KINDS = {"fgsm": "single", "noise": "noise", "square": "other"}
_KIND_WORDS = {
    "curve": "smallest noise found, with its 95 % interval",
    "strong": "many steps",
    "single": "one step (fgsm)",
    "noise": "random noise",
    "other": "queries alone (square)",
}


@dataclass(frozen=True)
class AttackRow:
    """One attack in the table of what was tried."""

    name: Markup
    budget: str
    n: int
    chart: Markup
    left: str
    reach: str
    fooled: str
    kept_by_png: str


@dataclass(frozen=True)
class CurveRow:
    """A number of the chart."""

    budget: str
    how: str
    value: str
    reach: str


@dataclass(frozen=True)
class NormChart:
    """Accuracy against the size of the noise in one norm."""

    words: str
    unit: str
    chart: Markup
    legend: tuple[Markup, ...]
    rows: tuple[CurveRow, ...]


@dataclass(frozen=True)
class MedianRow:
    """The smallest noise that it takes for one class; of all classes where `label` is empty."""

    label: str
    attempted: int
    resisted: int
    median: str
    chart: Markup


@dataclass(frozen=True)
class Medians:
    """The median smallest noise of each class, by one attack."""

    name: Markup
    words: str
    axis: Markup
    rows: tuple[MedianRow, ...]
    censored: str
    """What became of images that resisted; empty where none did."""


@dataclass(frozen=True)
class RobustnessView:
    """All that the page shows of attacks."""

    sentences: tuple[str, ...]
    images: tuple[str, ...]
    tried: tuple[AttackRow, ...]
    charts: tuple[NormChart, ...]
    medians: tuple[Medians, ...]
    matrix: parts.Matrix | None
    gallery: tuple[parts.Shown, ...]
    tradeoffs: tuple[parts.Tradeoff, ...]
    corruptions: parts.Corruptions | None
    checks: tuple[parts.Checks, ...]
    fragility: parts.FragilityView | None
    versions: str


def robustness_view(found: Sequence[Attacked]) -> RobustnessView | None:
    """Return what the page shows of some attacks; None where there are none."""
    if not found:
        return None
    attacks = sorted((one for one in found if not one.corruptions), key=_order)
    corrupted = [one for one in found if one.corruptions]
    norms = [norm for norm in NORMS if any(one.told["norm"] == norm for one in attacks)]
    charts = [_chart(norm, [one for one in attacks if one.told["norm"] == norm]) for norm in norms]
    medians = [_medians(norm, [one for one in attacks if one.told["norm"] == norm]) for norm in norms]
    return RobustnessView(
        sentences=tuple(_sentences(attacks, corrupted)),
        images=tuple(dict.fromkeys(images_sentence(one.told) for one in found)),
        tried=tuple(_row(one) for one in attacks),
        charts=tuple(chart for chart in charts if chart),
        medians=tuple(one for one in medians if one),
        matrix=parts.matrix(attacks),
        gallery=parts.gallery(attacks),
        tradeoffs=parts.tradeoffs(attacks),
        corruptions=parts.corruptions(corrupted),
        checks=parts.checks(attacks),
        fragility=parts.fragility(attacks),
        versions=_made_with(found),
    )


def _made_with(found: Sequence[Attacked]) -> str:
    """Return the versions and the seeds that the figures depend on."""
    versions = ", ".join(f"{name} {text}" for name, text in sorted(found[0].told["versions"].items()))
    seeds = sorted({one.told["settings"]["seed"] for one in found})
    return f"{versions}; {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def _order(one: Attacked) -> tuple[int, float, int, str]:
    told = one.told
    eps = float("inf") if told["eps"] is None else told["eps"]
    weak_first = ("noise", "fgsm").index(told["attack"]) if told["attack"] in ("noise", "fgsm") else 2
    return NORMS.index(told["norm"]), eps, weak_first, one.name


def _aimed(one: Attacked) -> bool:
    return one.told["settings"]["target"] is not None


def _sentences(attacks: Sequence[Attacked], corrupted: Sequence[Attacked]) -> list[str]:
    """Return the findings that matter most."""
    free = [one.told for one in attacks if not _aimed(one)]
    first = (free or [one.told for one in (*attacks, *corrupted)])[0]
    found = [f"Untouched, the model is right about {with_reach(first, 'clean_accuracy')} of the images."]
    sizes = sorted({(NORMS.index(told["norm"]), told["eps"]) for told in free if told["eps"] is not None})
    for number, eps in sizes[:4]:
        found += _budget_sentence([told for told in free if (told["norm"], told["eps"]) == (NORMS[number], eps)])
    for told in free:
        if told["smallest"] and told["eps"] is None and told["median_norm"] is not None:
            found.append(
                f"Half of the images that it knows are lost to noise of {amount(told['norm'], told['median_norm'])} or "
                f"less: {NORM_WORDS[told['norm']]}, by the attack {told['attack']}."
            )
            break
    for one in corrupted[:1]:
        worst = min(one.told["by_corruption"].items(), key=lambda pair: pair[1])
        found.append(
            f"Under {spelled(len(one.told['by_corruption']), 'common corruption')} it keeps "
            f"{percent(one.told['robust_accuracy'])} on average, and least under {worst[0]}: {percent(worst[1])}."
        )
    return found


def _budget_sentence(told: Sequence[dict[str, Any]]) -> list[str]:
    strong = [one for one in told if one["attack"] != "noise" and one["robust_accuracy"] is not None]
    noise = [one for one in told if one["attack"] == "noise"]
    if not strong:
        return []
    worst = min(strong, key=lambda one: float(one["robust_accuracy"]))
    norm = worst["norm"]
    what = (
        f"Noise that changes no value by more than {amount(norm, worst['eps'])}"
        if norm == "linf"
        else f"Noise of at most {amount(norm, worst['eps'])} in {norm}"
    )
    random = f"; random noise of that size leaves {percent(noise[0]['robust_accuracy'])}" if noise else ""
    return [f"{what} leaves {with_reach(worst, 'robust_accuracy')}{random}."]


def _row(one: Attacked) -> AttackRow:
    told = one.told
    left, clean = told["robust_accuracy"], told["clean_accuracy"]
    known = told.get("robust_accuracy_low") is not None
    chart = (
        interval(
            left,
            told["robust_accuracy_low"],
            told["robust_accuracy_high"],
            WHOLE,
            f"{percent(left)} left, {percent(clean)} untouched",
            mark=clean,
        )
        if known
        else Markup("")
    )
    return AttackRow(
        name=attack_name(told),
        budget=budget(told),
        n=told["n"],
        chart=chart,
        left=percent(left) if known else "none",
        reach=reach(told, "robust_accuracy"),
        fooled=f"{told['fooled']:,} of {told['attempted']:,}",
        kept_by_png=f"{told['kept_by_png']:,}",
    )


def _chart(norm: str, attacks: Sequence[Attacked]) -> NormChart | None:
    """Return the chart of one norm: a line from the best search for the smallest noise, and a mark an attack."""
    free = [one.told for one in attacks if not _aimed(one)]
    searched = [told for told in free if told.get("curve")]
    # Where several searched, the one that found the smallest noise says most.
    best = min(searched, key=lambda told: sum(row["accuracy"] for row in told["curve"]), default=None)
    series, rows = [], []
    if best:
        points = tuple(
            Point(row["eps"] * unit(norm), row["accuracy"], row["low"], row["high"]) for row in best["curve"]
        )
        series.append(Series("curve", points, line=True))
        rows += [
            CurveRow(amount(norm, row["eps"]), best["attack"], percent(row["accuracy"]), span(row["low"], row["high"]))
            for row in best["curve"]
        ]
    for told in free:
        if told["eps"] is None or told.get("robust_accuracy_low") is None or told is best:
            continue
        left, low, high = (told[f"robust_accuracy{end}"] for end in ("", "_low", "_high"))
        point = Point(told["eps"] * unit(norm), left, low, high)
        series.append(Series(_KINDS.get(told["attack"], "strong"), (point,)))
        rows.append(CurveRow(amount(norm, told["eps"]), told["settings"]["attack"], percent(left), span(low, high)))
    if not series:
        return None
    kinds = [kind for kind in _KIND_WORDS if any(one.kind == kind for one in series)]
    return NormChart(
        words=NORM_WORDS[norm],
        unit=NORM_UNITS[norm],
        chart=share_chart(series, f"Accuracy against the size of the noise: {NORM_WORDS[norm]}"),
        legend=tuple(legend(kind, _KIND_WORDS[kind]) for kind in kinds),
        rows=tuple(rows),
    )


def _medians(norm: str, attacks: Sequence[Attacked]) -> Medians | None:
    found = [one.told for one in attacks if one.told["smallest"] and not _aimed(one) and one.told["attempted"]]
    if not found:
        return None
    # Without a budget nothing is cut off; of several searches the one that found the smallest noise.
    told = min(found, key=lambda one: (one["eps"] is not None, one["median_norm"] or float("inf")))
    named = {name: told["per_class"][name] for name in told["classes"]}
    classes = {"": told} | {name: row for name, row in named.items() if row["attempted"]}
    known = [row["median_norm"] for row in classes.values() if row["median_norm"] is not None]
    size = scale(0.0, max(known, default=1.0) * unit(norm))
    resisted = told["attempted"] - told["fooled"]
    limit = "" if told["eps"] is None else f" of at most {amount(norm, told['eps'])}"
    censored = (
        f"For {spelled(resisted, 'image')} no noise{limit} was found that succeeds. They count as larger than any, so "
        "that a class of which at least half resisted has no median."
        if resisted
        else ""
    )
    return Medians(
        name=attack_name(told),
        words=NORM_UNITS[norm],
        axis=axis(size, lambda tick: f"{tick:g}"),
        rows=tuple(_median_row(name, row, told, size) for name, row in classes.items()),
        censored=censored,
    )


def _median_row(name: str, row: dict[str, Any], told: dict[str, Any], size: Scale) -> MedianRow:
    norm, median = told["norm"], row["median_norm"]
    unknown = "none" if told["eps"] is None else f"over {amount(norm, told['eps'])}"
    value = median * unit(norm) if median is not None else size.high
    label = f"{name or 'All classes'}: {amount(norm, median) if median is not None else unknown}"
    return MedianRow(
        label=name,
        attempted=row["attempted"],
        resisted=row["attempted"] - row["fooled"],
        median=unknown if median is None else amount(norm, median),
        chart=bar(value, size, label, kind="chosen" if not name else "") if median is not None else Markup(""),
    )
