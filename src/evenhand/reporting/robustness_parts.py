"""Parts of the page about attacks: where they lead, pictures, the price of noise, corruptions, checks, fragility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from evenhand.attacks.result import share
from evenhand.reporting.charts import WHOLE, Scale, axis, interval
from evenhand.reporting.confusion import MOST_IN_MATRIX
from evenhand.reporting.robustness import Attacked, picture
from evenhand.reporting.robustness_charts import Point, Series, share_chart
from evenhand.reporting.robustness_words import amount, attack_name, budget
from evenhand.reporting.words import chance, clipped, percent, span

MOST_PAIRS = 40
MOST_PICTURES = 16
"""Examples on the page, of all attacks together."""
MOST_CHANCES = 3
"""Classes whose probabilities stand beside a picture."""
HALVES = Scale(0.0, 1.0, (0.0, 0.5, 1.0))
"""The axis of charts that stand side by side."""
MOST_CLASSES = 30
"""Classes in the table of fragility: the rarest and the commonest."""


@dataclass(frozen=True)
class MatrixCell:
    """Attacks from one class to another."""

    reached: int
    tried: int
    share: float
    words: str
    """The share with its interval, as it is read where it is pointed at."""
    same: bool


@dataclass(frozen=True)
class Pair:
    """A way that attacks led, where a matrix would be too large."""

    source: str
    target: str
    cell: MatrixCell
    value: str
    reach: str


@dataclass(frozen=True)
class Matrix:
    """From which class (row) attacks led to which (column)."""

    name: Markup
    budget: str
    aimed: bool
    classes: tuple[str, ...]
    cells: tuple[tuple[MatrixCell, ...], ...]
    """Empty where there are too many classes: then there are `pairs`."""
    pairs: tuple[Pair, ...]


def matrix(attacks: Sequence[Attacked]) -> Matrix | None:
    """Return the success matrix of the attack that tells most: one aimed at every class, else the most successful."""
    found = [one.told for one in attacks if one.told["fooled"] and one.told["matrix"]]
    if not found:
        return None
    told = max(found, key=lambda one: (one["settings"]["target"] == "all", one["eps"] is not None, one["fooled"]))
    classes = tuple(told["classes"])
    table = {(row["source"], row["target"]): row for row in told["matrix"]}
    small = len(classes) <= MOST_IN_MATRIX
    ordered = sorted(table.values(), key=lambda row: -row["reached"])
    return Matrix(
        name=attack_name(told),
        budget=budget(told),
        aimed=told["settings"]["target"] is not None,
        classes=classes,
        cells=tuple(tuple(_cell(table.get((a, b))) for b in classes) for a in classes) if small else (),
        pairs=()
        if small
        else tuple(
            Pair(row["source"], row["target"], _cell(row), percent(row["share"]), span(row["low"], row["high"]))
            for row in ordered[:MOST_PAIRS]
            if row["reached"]
        ),
    )


def _cell(row: dict[str, Any] | None) -> MatrixCell:
    if row is None:
        return MatrixCell(0, 0, 0.0, "", same=True)
    words = "" if row["share"] is None else f"{percent(row['share'])} ({span(row['low'], row['high'])})"
    return MatrixCell(row["reached"], row["tried"], row["share"] or 0.0, words, same=False)


@dataclass(frozen=True)
class Chance:
    """The probability of a class before and after, and of the image as a file keeps it."""

    label: str
    before: str
    after: str
    png: str
    named: bool
    """Whether the model names this class in the end."""


@dataclass(frozen=True)
class Picture:
    """One attack in pictures."""

    original: Markup
    noise: Markup
    adversarial: Markup
    factor: str
    path: str
    given: str
    target: str
    before: str
    after: str
    size: str
    fooled: bool
    fooled_png: bool
    chances: tuple[Chance, ...]


@dataclass(frozen=True)
class Shown:
    """Pictures of one attack."""

    name: Markup
    budget: str
    pictures: tuple[Picture, ...]


def gallery(attacks: Sequence[Attacked]) -> tuple[Shown, ...]:
    """Return some pictures of every attack that has any, at most `MOST_PICTURES` in all."""
    some = [one for one in attacks if one.examples]
    if not some:
        return ()
    each = max(2, MOST_PICTURES // len(some))
    shown = [
        Shown(
            attack_name(one.told),
            budget(one.told),
            tuple(_picture(one, number) for number in range(min(each, len(one.examples)))),
        )
        for one in some[: MOST_PICTURES // 2]
    ]
    return tuple(shown)


def _picture(one: Attacked, number: int) -> Picture:
    example = one.examples[number]
    facts, tiny = example.facts, example.tiny
    factor = f"{float(facts['noise_magnified']):.3g}"
    words = (
        f"Labelled {clipped(facts['given'])}",
        f"The noise, magnified {factor} times",
        f"Adversarial image, called {clipped(facts['called_after'])}",
    )
    original, noise, adversarial = (
        picture(address, label, tiny=tiny) for address, label in zip(example.pictures, words, strict=True)
    )
    return Picture(
        original=original,
        noise=noise,
        adversarial=adversarial,
        factor=factor,
        path=facts["path"],
        given=facts["given"],
        target=facts["target"],
        before=facts["called_before"],
        after=facts["called_after"],
        size=amount(one.told["norm"], float(facts["norm"])),
        fooled=facts["fooled"] == "true",
        fooled_png=facts["fooled_png"] == "true",
        chances=_chances(facts, one.told["classes"]),
    )


def _chances(facts: dict[str, str], classes: Sequence[str]) -> tuple[Chance, ...]:
    """Return the classes that the model names before or after, and the likeliest others."""
    values = {
        name: (float(facts[f"before_{name}"]), float(facts[f"after_{name}"]), float(facts[f"png_{name}"]))
        for name in classes
    }
    order = sorted(classes, key=lambda name: (-max(values[name]), name))[:MOST_CHANCES]
    said = {name: [chance(value) for value in values[name]] for name in order}
    return tuple(
        Chance(name, before, after, png, named=name == facts["called_after"])
        for name, (before, after, png) in said.items()
    )


@dataclass(frozen=True)
class Tradeoff:
    """What optimised noise achieves at each price: a chart and its numbers."""

    name: Markup
    images: int
    chart: Markup
    rows: tuple[dict[str, str], ...]


def tradeoffs(attacks: Sequence[Attacked]) -> tuple[Tradeoff, ...]:
    """Return the trade-off curve of every attack by optimised noise."""
    return tuple(_tradeoff(one.told) for one in attacks if one.told.get("tradeoff"))


def _tradeoff(told: dict[str, Any]) -> Tradeoff:
    points, rows = [], []
    for row in told["tradeoff"]:
        found = share(round(row["fooled"] * row["images"]), row["images"])
        assert found is not None  # noqa: S101 - a path without images is not kept
        points.append(Point(row["l1"], found.value, found.low, found.high, f"C = {row['c']:g}"))
        rows.append(
            {
                "c": f"{row['c']:g}",
                "fooled": percent(found.value),
                "reach": span(found.low, found.high),
                "l1": f"{row['l1']:.3g}",
                "largest": amount("linf", row["largest"]),
                "changed": f"{row['changed']:,.0f}",
            }
        )
    chart = share_chart(
        [Series("strong", tuple(points), line=True)],
        "Share of images that fool the model against the mean size of the noise, a point a price",
    )
    return Tradeoff(attack_name(told), told["tradeoff"][0]["images"], chart, tuple(rows))


@dataclass(frozen=True)
class CorruptionRow:
    """Accuracy under one corruption: a cell a severity, or a chart where there is only one."""

    name: str
    cells: tuple[tuple[str, float], ...]
    mean: str
    chart: Markup
    reach: str


@dataclass(frozen=True)
class Corruptions:
    """Accuracy under common corruptions, the most harmful first."""

    severities: tuple[int, ...]
    n: int
    clean: str
    mean: str
    rows: tuple[CorruptionRow, ...]


def corruptions(found: Sequence[Attacked]) -> Corruptions | None:
    """Return the corruption table with the most severities."""
    if not found:
        return None
    told = max((one.told for one in found), key=lambda one: (len(one["severities"]), one["n"]))
    clean = told["clean_accuracy"]
    rows = []
    for name, mean in sorted(told["by_corruption"].items(), key=lambda pair: pair[1]):
        own = [row for row in told["corruptions"] if row["corruption"] == name]
        one = own[0] if len(own) == 1 else None
        label = f"{name}: {percent(mean)}, {percent(clean)} untouched"
        rows.append(
            CorruptionRow(
                name=name.replace("-", " "),
                cells=tuple((percent(row["accuracy"], 0), row["accuracy"]) for row in own),
                mean=percent(mean),
                chart=interval(mean, one["low"], one["high"], WHOLE, label, mark=clean) if one else Markup(""),
                reach=span(one["low"], one["high"]) if one else "",
            )
        )
    return Corruptions(
        tuple(told["severities"]), told["n"], percent(clean), percent(told["robust_accuracy"]), tuple(rows)
    )


@dataclass(frozen=True)
class Checks:
    """The checks of one evaluation."""

    name: Markup
    budget: str
    rows: tuple[dict[str, Any], ...]
    failed: int


def checks(attacks: Sequence[Attacked]) -> tuple[Checks, ...]:
    """Return the checks of every attack that has any; those that failed first."""
    found = [
        Checks(
            attack_name(one.told),
            budget(one.told),
            tuple(one.told["checks"]),
            sum(row["holds"] is False for row in one.told["checks"]),
        )
        for one in attacks
        if one.told.get("checks")
    ]
    return tuple(sorted(found, key=lambda one: -one.failed))


@dataclass(frozen=True)
class FragilityRow:
    """A class with its three measures, and its fragility after logit adjustment where that was measured."""

    label: str
    train_count: int
    n: int
    figures: tuple[tuple[Markup, str, str], ...]
    """Chart, value and interval of clean error, fragility and attraction."""
    adjusted: str


@dataclass(frozen=True)
class FragilityView:
    """Whether rare classes are more fragile than common ones."""

    name: Markup
    budget: str
    sentences: tuple[str, ...]
    adjusted: tuple[str, ...]
    """The same sentences for the model after logit adjustment; none where that was not measured."""
    rows: tuple[FragilityRow, ...]
    left_out: int
    tests: tuple[dict[str, str], ...]
    axis: Markup
    guessed: bool
    """Whether the class counts are those of the images attacked, the training's being unknown."""


MEASURES = (("clean_error", "Clean error"), ("fragility", "Fragility"), ("attraction", "Attraction"))


def fragility(attacks: Sequence[Attacked]) -> FragilityView | None:
    """Return the fragility under the attack that tells classes apart best: about half of it succeeds."""
    found = [one.told for one in attacks if one.told.get("fragility")]
    if not found:
        return None
    told = min(found, key=lambda one: abs((one["success_rate"] or 0.0) - 0.5))
    measured, adjusted = told["fragility"], told.get("fragility_adjusted")
    after = {row["name"]: row for row in adjusted["classes"]} if adjusted else {}
    ordered = sorted(measured["classes"], key=lambda row: (row["train_count"], row["name"]))
    half = MOST_CLASSES // 2
    kept = ordered if len(ordered) <= MOST_CLASSES else ordered[:half] + ordered[-half:]
    return FragilityView(
        name=attack_name(told),
        budget=budget(told),
        sentences=tuple(row["sentence"] for row in measured["tendencies"]),
        adjusted=tuple(row["sentence"] for row in adjusted["tendencies"]) if adjusted else (),
        rows=tuple(_fragility_row(row, after.get(row["name"])) for row in kept),
        left_out=len(ordered) - len(kept),
        tests=tuple(_test(row) for row in measured["tendencies"]),
        axis=axis(HALVES, lambda tick: percent(tick, 0)),
        guessed=measured["counts_from"] == "images",
    )


def _fragility_row(row: dict[str, Any], after: dict[str, Any] | None) -> FragilityRow:
    figures = []
    for name, words in MEASURES:
        one = row[name]
        if one is None:
            figures.append((Markup(""), "none", ""))
            continue
        label = f"{row['name']}, {words.lower()}: {percent(one['value'])}"
        chart = interval(one["value"], one["low"], one["high"], WHOLE, label)
        figures.append((chart, percent(one["value"]), span(one["low"], one["high"])))
    changed = after["fragility"] if after else None
    adjusted = f"{percent(changed['value'])} ({span(changed['low'], changed['high'])})" if changed else ""
    return FragilityRow(row["name"], row["train_count"], row["n"], tuple(figures), adjusted)


def _test(row: dict[str, Any]) -> dict[str, str]:
    def number(value: float | None) -> str:
        return "none" if value is None else f"{value:.2g}".replace("-", "−")

    ends = "" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"
    return {
        "measure": dict(MEASURES)[row["measure"]],
        "correlation": number(row["rank_correlation"]),
        "reach": ends,
        "p": number(row["p"]),
        "p_holm": number(row["p_holm"]),
        "p_classes": number(row["p_classes"]),
        "detectable": "none" if row["detectable"] is None else f"{100 * row['detectable']:.0f}",
    }
