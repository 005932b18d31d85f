"""The command that breaks a model: its words, what it calls, what it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evenhand.cli import options, show
from evenhand.cli.console import progress
from evenhand.settings.commands import default_out

AttackName = Annotated[
    str,
    typer.Option(
        "--attack",
        help="fgsm, pgd, apgd-ce, apgd-margin, apgd-dlr, fmn, ddn, deepfool, cw, square, noise, optimised-noise, "
        "standard (several, of which the worst counts), or corruptions. NAME:parameter=value sets.",
    ),
]
Norm = Annotated[
    str | None,
    typer.Option(
        "--norm", help="How noise is measured: linf, l2, l1 or l0. [default: linf, or the attack's only norm]"
    ),
]
Eps = Annotated[
    str | None,
    typer.Option(
        "--eps",
        help="The most noise allowed, a number or a fraction. [default: 8/255 in linf; in other norms none, where the "
        "attack looks for the smallest noise]",
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", help="A class that the model is to say, or all. [default: any wrong class]")
]
Split = Annotated[
    str, typer.Option("--split", help="train, val, test or all. [default: test where there is one, else all]")
]
Limit = Annotated[int | None, typer.Option("--limit", help="At most so many images of each class.")]
Examples = Annotated[int, typer.Option("--examples", help="How many attacks to show in pictures.")]


def attack(words: Mapping[str, Any], *, json: bool, quiet: bool) -> None:
    """Attack a model and print what is left of its accuracy."""
    from evenhand.pipeline import attacking

    request = options.evaluation({**words, "edits": None})
    kept = {name: words[name] for name in ("target", "seed", "limit", "examples")}
    assault = attacking.asked(words["attack"], words["norm"], words["eps"], **kept)
    out: Path = words["out"] or default_out("attack", request.data)
    found = attacking.attack(request, assault, out, progress(quiet=quiet))
    if json:
        show.print_json("attack", **found.to_json())
        return
    for line in lines(found.told):
        print(line)
    report = [("Report", found.report)] if found.report else []
    show.print_places([("Tables and pictures", found.folder), ("Page", found.page), *report])


def lines(told: Mapping[str, Any]) -> list[str]:
    """Return what people read: a few sentences and a line a class."""
    if told["attack"] == "corruptions":
        return _corruption_lines(told)
    budget = "any size" if told["eps"] is None else f"at most {told['eps']:.4g}"
    found = [
        f"{told['attack']} on {told['n']} images, noise of {budget} in {told['norm']}.",
        f"Accuracy untouched: {_percent(told, 'clean_accuracy')}. Under attack: {_percent(told, 'robust_accuracy')}.",
        f"Attacks that succeeded: {told['fooled']} of {told['attempted']} ({_percent(told, 'success_rate')}); "
        f"{told['kept_by_png']} of them still do after saving in 8 bits.",
    ]
    if told["median_norm"] is not None:
        found.append(f"Median noise that it took: {told['median_norm']:.4g}.")
    elif told["attempted"]:
        found.append("Half of the images or more resisted, so there is no median noise.")
    if told["zero_gradients"]:
        found.append(
            f"Images that resisted, and whose gradient was exactly zero at some point: {told['zero_gradients']}. "
            "Failing there says little; try square, which needs no gradient."
        )
    for name, row in told["per_class"].items():
        if row["n"]:
            before, after = _percent(row, "clean_accuracy"), _percent(row, "robust_accuracy")
            found.append(f"  {name}: {before} untouched, {after} left")
    fragile = told.get("fragility")
    if fragile and fragile["counts_from"] == "images":
        found.append("How many images of each class the model was trained on is not known; these are counted instead.")
    return found + [tendency["sentence"] for tendency in fragile["tendencies"]] if fragile else found


def _corruption_lines(told: Mapping[str, Any]) -> list[str]:
    found = [
        f"15 corruptions at {_severities(told['severities'])} on {told['n']} images.",
        f"Accuracy untouched: {_percent(told, 'clean_accuracy')}. Mean over all: {_percent(told, 'robust_accuracy')}.",
    ]
    worst = sorted(told["by_corruption"].items(), key=lambda pair: pair[1])
    return found + [f"  {name}: {100 * value:.1f} %" for name, value in worst]


def _severities(severities: Sequence[int]) -> str:
    return f"severity {severities[0]}" if len(severities) == 1 else f"{len(severities)} severities"


def _percent(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "none"
    if f"{name}_low" not in row:
        return f"{100 * row[name]:.1f} %"
    return f"{100 * row[name]:.1f} % ({100 * row[f'{name}_low']:.1f} to {100 * row[f'{name}_high']:.1f})"
