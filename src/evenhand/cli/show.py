"""Results on stdout: one JSON object, or a few plain lines and tables."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from evenhand.evaluation.paired import Paired
    from evenhand.pipeline.comparing import Comparison
    from evenhand.pipeline.evaluating import Against
    from evenhand.records.audit import Audit
    from evenhand.records.evaluation import Evaluation
    from evenhand.records.values import Interval
    from evenhand.study.leak_figures import Leakage
    from evenhand.study.next_steps import WhatNext
    from evenhand.study.replay import Replay

FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log-loss",
    "ece": "calibration error",
}


def print_json(command: str, **values: Any) -> None:
    """Print the command's one JSON object, on one line."""
    from evenhand.records.values import SCHEMA_VERSION

    # Names in any script stay readable where the terminal can show them; elsewhere they are escaped as JSON does it.
    plain = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") != "utf8"
    print(json.dumps({"schema_version": SCHEMA_VERSION, "command": command} | values, ensure_ascii=plain))


def print_evaluation(evaluation: Evaluation, title: str) -> None:
    """Print all figures of an evaluation, the reading of each class, and the confusion matrix."""
    console = Console(highlight=False, width=None)
    console.print(title, markup=False, soft_wrap=True)
    figures = Table("figure", "value", "95 % interval")
    for name, words in FIGURES.items():
        interval: Interval = getattr(evaluation, name)
        figures.add_row(words, f"{interval.value:.4f}", f"{interval.low:.4f} to {interval.high:.4f}")
    console.print(figures)
    classes = Table("class", "precision", "recall", "F1", "images")
    for row in evaluation.per_class:
        classes.add_row(
            _plain(row.name), *(f"{value:.3f}" for value in (row.precision, row.recall, row.f1)), str(row.support)
        )
    for words, average in (
        ("macro average", evaluation.macro_average),
        ("weighted average", evaluation.weighted_average),
    ):
        classes.add_row(words, *(f"{value:.3f}" for value in average), str(evaluation.n))
    console.print(classes)
    for row in evaluation.per_class:
        console.print(f"{row.name}: {row.reading}", markup=False, soft_wrap=True)
    for line in (*cost_lines(evaluation), *abstention_lines(evaluation)):
        console.print(line, markup=False, soft_wrap=True)
    matrix = Table("labelled as \\ called", *(_plain(name) for name in evaluation.classes))
    for name, counts in zip(evaluation.classes, evaluation.confusion, strict=True):
        matrix.add_row(_plain(name), *map(str, counts))
    console.print(matrix)


def cost_lines(evaluation: Evaluation) -> list[str]:
    """Return what decisions cost, a sentence each; nothing where no costs were stated."""
    cost = evaluation.cost
    if cost is None:
        return []

    def told(found: Interval) -> str:
        return f"{found.value:.4g} an image (95 % interval {found.low:.4g} to {found.high:.4g})"

    lines = [
        f"Decisions of least expected cost: {told(cost.mean)}. Calling the most probable class: "
        f"{told(cost.most_probable)}."
    ]
    if cost.at_prior and cost.prior:
        mix = ", ".join(f"{name} {share:.3g}" for name, share in zip(evaluation.classes, cost.prior, strict=True))
        lines.append(f"With classes as common as decisions are made for ({mix}): {told(cost.at_prior)}.")
    return lines


def abstention_lines(evaluation: Evaluation) -> list[str]:
    """Return what leaving unsure answers to people brings, a sentence each; nothing where that was not asked for."""
    found = evaluation.abstention and evaluation.abstention.chosen
    if not found:
        return []
    lines = [f"{found.n} of {evaluation.n} images ({found.share:.1%}) get an answer of at least {found.threshold:g}."]
    if found.accuracy is None:
        return lines
    right = found.accuracy
    lines[0] += f" Of these answers {right.value:.1%} are right (95 % interval {right.low:.1%} to {right.high:.1%})."
    others = evaluation.n - found.n
    if others:
        good = sum(evaluation.confusion[place][place] for place in range(len(evaluation.classes)))
        lines[0] += f" Of the {others} others {(good - sum(row[2] for row in found.counts)) / others:.1%} would be."
    place, share = found.least()
    lines.append(f"The class that gets the fewest answers for its images: {evaluation.classes[place]}, {share:.1%}.")
    return lines


def print_paired(against: Against) -> None:
    """Print how two models differ on the same images, in words."""
    console = Console(highlight=False)
    for line in paired_lines(against.given, str(against.other)):
        console.print(line, markup=False, soft_wrap=True)
    if against.corrected:
        for line in paired_lines(against.corrected, f"{against.other}, on corrected labels"):
            console.print(line, markup=False, soft_wrap=True)


def paired_lines(paired: Paired, other: str) -> list[str]:
    """Return how a model differs from another one, a sentence each."""
    found = paired.balanced_accuracy
    value, low, high = (f"{100 * end:+.1f}" for end in (found.value, found.low, found.high))
    apart = (
        "so they cannot be told apart by it"
        if found.low <= 0 <= found.high
        else "so this model is better by it"
        if found.value > 0
        else "so this model is worse by it"
    )
    return [
        f"Against {other}, on the same {paired.n} images:",
        f"  balanced accuracy {value} points (95 % interval {low} to {high}), {apart}.",
        f"  Only this model is right about {paired.only_first} images, only the other about {paired.only_second}, both "
        f"about {paired.both_right}, neither about {paired.both_wrong} (McNemar's exact test: p {_chance(paired.p)}).",
    ]


def _chance(p: float) -> str:
    return "under .0001" if p < 0.0001 else f"= {p:.4f}".replace("0.", ".", 1)


def print_audit(audit: Audit) -> None:
    """Print what is wrong with the data."""
    console = Console(highlight=False)
    table = Table("class", *audit.counts)
    for name in audit.classes:
        table.add_row(_plain(name), *(str(audit.counts[split][name]) for split in audit.counts))
    console.print(table)
    for line in audit_lines(audit):
        console.print(line, markup=False, soft_wrap=True)


def print_economy(run: Path) -> None:
    """Print what a run did not do, as its folder says it."""
    from evenhand.study.economy import read_economy

    economy = read_economy(run)
    for line in economy.sentences() if economy else []:
        Console(highlight=False).print(line, markup=False, soft_wrap=True)


def audit_lines(audit: Audit) -> list[str]:
    """Return the findings of an audit, a sentence each."""
    lines = []
    if audit.wrong_labels:
        wrong = audit.wrong_labels
        lines.append(
            f"About {wrong.value:.0f} training labels are wrong (95 % interval {wrong.low:.0f} to {wrong.high:.0f}); "
            f"{len(audit.flagged)} images are named as suspects."
        )
        lines += [
            f"  filed as {pair.given}, really {pair.true}: about {pair.estimated:.0f} "
            f"({pair.low:.0f} to {pair.high:.0f})"
            for pair in audit.pairs[:3]
            if pair.estimated >= 0.5
        ]
    if audit.findings:
        lines.append(f"{len(audit.findings)} files could not be taken as they are; see audit/unreadable.csv.")
    if audit.duplicates:
        leaked = sum(row.leaked for row in audit.duplicates)
        lines.append(
            f"Groups of images with the same pixels: {audit.exact_groups}; with the same picture in other pixels: "
            f"{audit.near_groups}. Copies of test images outside the test: {leaked}."
        )
    if audit.odd:
        reasons = Counter(image.reason for image in audit.odd)
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        lines.append(f"Images unlike the others: {len(audit.odd)} ({told}); see audit/odd_images.csv.")
    return lines + list(audit.notes)


def print_leakage(leakage: Leakage) -> None:
    """Print what leaks are worth."""
    console = Console(highlight=False)
    for line in leakage.sentences():
        console.print(line, markup=False, soft_wrap=True)


def print_replay(found: Replay) -> None:
    """Print the reference study's table, published and measured, and why the two differ."""
    console = Console(highlight=False)
    table = Table("experiment", "", "examples", "accuracy", "macro F1", title="The reference study, published and here")
    classes = [one.name for one in found.rows[0].per_class]
    for name in classes:
        table.add_column(f"{_plain(name)} P / R / F1")
    for row in found.rows:
        theirs = [[one.published.get(key) for key in ("precision", "recall", "f1")] for one in row.per_class]
        ours = [[one.measured.get(key) for key in ("precision", "recall", "f1")] for one in row.per_class]
        figures = [row.accuracy, row.macro_f1]
        table.add_row(
            row.name, "published", str(row.examples[0]), *(_share(one[0]) for one in figures), *map(_shares, theirs)
        )
        measured = [_share(one[1].value if one[1] else None) for one in figures]
        table.add_row("", "here", str(row.examples[1] or "–"), *measured, *map(_shares, ours), end_section=True)
    console.print(table)
    for line in found.explanation:
        console.print(line, markup=False, soft_wrap=True)


def _shares(values: Sequence[float | None]) -> str:
    return " ".join(map(_share, values))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".removeprefix("0")


def print_what_next(found: WhatNext) -> None:
    """Print what would help from here."""
    console = Console(highlight=False)
    for line in found.sentences():
        console.print(line, markup=False, soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """Print the leaderboard and the choice."""
    console = Console(highlight=False)
    audited = any(row.expected for row in comparison.results)
    title = "Balanced accuracy out of fold, best first" + (
        "; expected on the true labels, as far as the audit knows them" if audited else ""
    )
    table = Table("remedy", "model", "figure", "95 % interval", *(["given labels"] if audited else []), title=title)
    for row in comparison.results:
        figure = row.judged
        given = [f"{row.evaluation.balanced_accuracy.value:.3f}"] if audited else []
        table.add_row(
            _plain(f"{row.name}, {row.how_far}" if row.stopped else row.name),
            row.model,
            f"{figure.value:.3f}",
            f"{figure.low:.3f} to {figure.high:.3f}",
            *given,
        )
    console.print(table)
    chosen = comparison.choice
    repair = "" if chosen.repair == "none" else f" with repair {chosen.repair}"
    console.print(
        f"Chosen: {chosen.remedy}{repair}, model {chosen.model}. {chosen.reason}", markup=False, soft_wrap=True
    )
    if chosen.ties:
        console.print(f"Tied with it: {'; '.join(chosen.ties)}.", markup=False, soft_wrap=True)
    if chosen.needed:
        console.print(chosen.needed, markup=False, soft_wrap=True)
    for line in comparison.economy.sentences():
        console.print(line, markup=False, soft_wrap=True)


def print_places(places: Sequence[tuple[str, Path]]) -> None:
    """Print where results lie."""
    for words, place in places:
        print(f"{words}: {place}")


def _plain(text: str) -> str:
    """Keep square brackets in names from being read as styles."""
    return text.replace("[", "\\[")
