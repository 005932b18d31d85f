"""The reference study's table beside one's own: the same experiments, trained and judged as the study did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.auditing.duplicates import training_rows
from evenhand.data.manifest import Manifest
from evenhand.disk import read_record, write_json
from evenhand.evaluation.metrics import evaluate
from evenhand.records.comparison import RemedyResult
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval, Ints
from evenhand.remedies.catalogue import canonical, plan_for
from evenhand.remedies.counting import expected_counts
from evenhand.study.bench import Bench
from evenhand.study.judging import post_offsets
from evenhand.study.published import Experiment, Published, published
from evenhand.training.predict import softmax
from evenhand.training.recipe import Recipe

PRESET = "reference"
"""The preset that replays the study; no other prints its table."""
FILE = "published.json"


@dataclass(frozen=True)
class ClassRow:
    """A class in an experiment: its name in the data, and precision, recall and F1 as published and as measured."""

    name: str
    published: dict[str, float]
    """Empty where the study knows no such class."""
    measured: dict[str, float]


@dataclass(frozen=True)
class Row:
    """An experiment as published and as measured here."""

    name: str
    remedy: str
    examples: tuple[int, int | None]
    """Examples of an epoch, published and here; None where it was not compared here, as for the figures below."""
    accuracy: tuple[float, Interval | None]
    macro_f1: tuple[float, Interval | None]
    per_class: tuple[ClassRow, ...]


@dataclass(frozen=True)
class Replay:
    """The published table beside the measured one."""

    source: str
    judged_on: str
    """"test", or "held-out" where there is no test set."""
    n: int
    """Images that the measured figures are of."""
    trained_on: int
    explanation: tuple[str, ...]
    """Why the two differ, in sentences."""
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of ``published.json`` and of the command contract (`compare`)."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Replay:
        """Return what `to_json` wrote."""
        return cls(
            **data | {"explanation": tuple(data["explanation"]), "rows": tuple(_row(one) for one in data["rows"])}
        )


def replay(
    benches: Callable[..., Bench],
    manifest: Manifest,
    recipe: Recipe,
    results: Sequence[RemedyResult],
    *,
    faithful: bool,
    title: str,
) -> Replay:
    """Return the study's table beside one's own.

    With a test set the experiments are trained on all training images and judged on it, as the study did; that is done
    after the choice was written down, and changes nothing about it. Without one, the figures are those of the
    comparison, on images that were held out.

    Parameters
    ----------
    benches : callable
        Returns the bench of the run; with `rows`, `scope` and `fold`, one for other images and folds.
    manifest : Manifest
        All images. Test labels are read.
    recipe : Recipe
        The study's, or what was asked for in its place.
    results : sequence of RemedyResult
        What was compared.
    faithful : bool
        Whether the recipe is the study's.
    title : str
        Said above the progress bar.
    """
    compared = {row.remedy: row for row in results if row.repair == "none"}
    theirs = published()
    asked = [one for one in theirs.experiments if canonical(one.remedy) in compared]
    tests = manifest.where("test")
    if len(tests):
        found = _on_test(benches, manifest, recipe, asked, title)
        trained_on = len(training_rows(manifest))
    else:
        bench = benches()
        trained = bench.given[bench.fold != 0]
        trained_on = len(trained)
        found = {
            one.name: (
                _examples(one, trained, bench.n_classes),
                compared[canonical(one.remedy)].evaluation,
            )
            for one in asked
        }
    named = theirs.named(manifest.classes)
    return Replay(
        source=theirs.source,
        judged_on="test" if len(tests) else "held-out",
        n=_n(found),
        trained_on=trained_on,
        explanation=tuple(_explanation(theirs, manifest, named, n=_n(found), trained_on=trained_on, faithful=faithful)),
        rows=tuple(_beside(one, named, manifest.classes, found.get(one.name)) for one in theirs.experiments),
    )


_Found = tuple[int, Evaluation]
"""Examples of an epoch, and the figures."""


def _n(found: dict[str, _Found]) -> int:
    return next((evaluation.n for _, evaluation in found.values()), 0)


def _examples(one: Experiment, labels: Ints, n_classes: int) -> int:
    """Return how many examples an epoch of an experiment holds."""
    plan = plan_for(one.remedy, labels, n_classes, allow_stacking=True)
    return round(float(expected_counts(plan, labels, n_classes).sum()))


def _on_test(
    benches: Callable[..., Bench], manifest: Manifest, recipe: Recipe, asked: Sequence[Experiment], title: str
) -> dict[str, _Found]:
    tests = manifest.where("test")
    rows = np.sort(np.concatenate([training_rows(manifest), tests]))
    # The test images are the fold that is held out; nothing is trained on them.
    bench = benches(rows, scope="replay", fold=np.isin(rows, tests).astype(np.int64))
    trials = {one.name: bench.trial(one.remedy, recipe, held=[1]) for one in asked}
    outcomes = bench.carry_out(list(trials.values()), title)
    labels, found = bench.given[bench.fold == 0], {}
    for one in asked:
        outcome = outcomes[trials[one.name]]
        logits = np.nan_to_num(outcome.logits, nan=0.0, posinf=1e30, neginf=-1e30)
        probabilities = softmax(logits + post_offsets(bench, one.remedy, bench.as_given, 1))
        examples = _examples(one, labels, bench.n_classes)
        found[one.name] = (examples, evaluate(manifest.given[outcome.rows], probabilities, manifest.classes))
    return found


def _beside(one: Experiment, named: dict[str, str], classes: Sequence[str], found: _Found | None) -> Row:
    theirs = {named[name]: figures for name, figures in one.per_class.items() if name in named}
    figures = {row.name: row for row in found[1].per_class} if found else {}
    return Row(
        name=one.name,
        remedy=one.remedy,
        examples=(one.examples, found[0] if found else None),
        accuracy=(one.accuracy, found[1].accuracy if found else None),
        macro_f1=(one.macro_f1, found[1].macro_f1 if found else None),
        per_class=tuple(
            ClassRow(
                name,
                theirs.get(name, {}),
                {key: getattr(figures[name], key) for key in ("precision", "recall", "f1")} if found else {},
            )
            # In the study's order where its classes are these.
            for name in (named.values() if len(named) == len(classes) else classes)
        ),
    )


def _explanation(
    theirs: Published, manifest: Manifest, named: dict[str, str], *, n: int, trained_on: int, faithful: bool
) -> list[str]:
    """Return what the two columns are of, and what they differ in."""
    tests = manifest.where("test")
    own = (
        f"the measured ones of the {n:,} test pictures given here, which were read once, after the choice was written "
        f"down, by trainings on {trained_on:,} pictures"
        if len(tests)
        else f"the measured ones of {n:,} training pictures that were held out, by trainings on {trained_on:,} others "
        "(name test pictures with --test to train and judge as the study did)"
    )
    found = [
        f"The published figures are of the study's {theirs.tested_on:,} test pictures, by trainings on "
        f"{theirs.trained_on:,}; the study chose its method by these very figures. {_capital(own)}, and the choice was "
        "made on held-out training pictures alone.",
        "All of it is on labels as given. Of the study's labels about one in twelve is wrong: two thirds of its cats "
        "are filed as cars, so a network that finds them is counted as mistaken. And each published figure is of a "
        "single training, so differences of a few points are chance.",
    ]
    if not faithful:
        found.append("The network or its recipe was changed for this run, so it trains otherwise than the study did.")
    return found + _differences(theirs, manifest, named)


def _differences(theirs: Published, manifest: Manifest, named: dict[str, str]) -> list[str]:
    if not named:
        return [
            "These pictures are of other classes than the study's, so the columns show the same experiments on another "
            "task, and are not to be compared figure by figure."
        ]

    def same(counts: dict[str, int], published_counts: Sequence[int]) -> bool:
        return [counts[named[name]] for name in theirs.classes] == list(published_counts)

    found = []
    if not same(manifest.counts("train"), theirs.training):
        found.append("The training pictures are others than the study's, by their number in each class.")
    if len(manifest.where("test")) and not same(manifest.counts("test"), theirs.testing):
        found.append(
            "The test pictures are others than the study's, by their number in each class: accuracy, precision and F1 "
            "depend on the shares of the classes and cannot be compared; recall can."
        )
    return found


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def write_replay(run: Path, found: Replay) -> None:
    """Write ``published.json`` into the run folder."""
    write_json(run / FILE, found.to_json())


def read_replay(run: Path) -> Replay | None:
    """Return what `write_replay` wrote; None for a run that replays nothing.

    Raises
    ------
    EvenhandError
        When the file is damaged, or of another version.
    """
    return read_record(run / FILE, Replay.from_json)


def _row(data: dict[str, Any]) -> Row:
    pairs = {name: (data[name][0], Interval(**data[name][1]) if data[name][1] else None) for name in _FIGURES}
    per_class = tuple(ClassRow(**one) for one in data["per_class"])
    return Row(**data | pairs | {"examples": tuple(data["examples"]), "per_class": per_class})


_FIGURES = ("accuracy", "macro_f1")
