"""The command that breaks a model: its words, what it calls, what it prints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenhand.cli import options, show
from evenhand.cli.console import progress
from evenhand.errors import EvenhandError, UsageError
from evenhand.settings.commands import Evaluate

if TYPE_CHECKING:
    from evenhand.attacks.assault import Assault
    from evenhand.attacks.subject import Subject
    from evenhand.progress import Progress

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

LINF_EPS = 8 / 255


def attack(words: Mapping[str, Any], *, json: bool, quiet: bool) -> None:
    """Attack a model and print what is left of its accuracy."""
    request = options.evaluation({**words, "edits": None})
    out: Path = words["out"] or options.default_out("attack", request.data)
    reporter = progress(quiet=quiet)
    told, folder = _measured(request, words, out, reporter)
    places = [("Tables and pictures", folder), *_pages(out, request.model, told, reporter)]
    _tell_the_card(request.model, out)
    if json:
        shown = {name: value for name, value in told.items() if name not in _NOT_SAID}
        pages = {words.lower(): str(place) for words, place in places[1:]}
        show.print_json("attack", run=str(out), model=str(request.model), folder=str(folder), **pages, **shown)
        return
    for line in lines(told):
        print(line)
    show.print_places(places)


_NOT_SAID = ("schema_version", "versions", "model")


def _pages(out: Path, model: Path, told: Mapping[str, Any], reporter: Progress) -> list[tuple[str, Path]]:
    """Write the page about all attacks on this model and, where it is the model of a run, that run's report again."""
    from evenhand.reporting.rebuild import rebuild_report
    from evenhand.reporting.robustness_page import write_robustness
    from evenhand.store import STUDY

    name = model.name if model.name != "model" else f"{model.absolute().parent.name}/model"
    places = [("Page", write_robustness(out, name, told.get("model")))]
    if not (out / STUDY).is_file() or _made_here(out / STUDY) or model.resolve() != (out / "model").resolve():
        return places
    try:
        places.append(("Report", rebuild_report(out)))
    except EvenhandError as error:
        reporter.note(f"The report of {out} could not be written again. {error}")
    return places


def _tell_the_card(model: Path, out: Path) -> None:
    """Write the card of a run's model again, with this attack in it."""
    from evenhand.exporting.card import MODEL_CARD, write_card

    if model.resolve() == (out / "model").resolve() and (model / MODEL_CARD).is_file():
        write_card(model)


def _measured(
    request: Evaluate, words: Mapping[str, Any], out: Path, reporter: Progress
) -> tuple[dict[str, Any], Path]:
    from evenhand.attacks.robustness import measure_robustness
    from evenhand.store import STUDY, RunFolder

    assault = _assault(words)
    with _subject(request, reporter) as subject:
        assault.check(subject)
        if (out / STUDY).is_file() and not _made_here(out / STUDY):
            # A run of another command: the attacks on its model lie beside its report.
            return measure_robustness(subject, assault, out, reporter)
        with RunFolder.claim(out, settings={}, command="attack") as run:
            run.bind(subject.fingerprint, {"model": str(request.model)})
            return measure_robustness(subject, assault, out, reporter)


def _assault(words: Mapping[str, Any]) -> Assault:
    """Return what is asked for, refused before any image is decoded where it cannot be meant."""
    from evenhand.attacks.assault import CORRUPTION_NAME, Assault
    from evenhand.attacks.catalogue import ATTACKS
    from evenhand.attacks.threat import read_eps

    name = words["attack"].partition(":")[0].strip()
    norm = words["norm"] or (ATTACKS[name].kind.norms[0] if name in ATTACKS else "linf")
    eps = read_eps(words["eps"]) if words["eps"] else None
    if eps is None and norm == "linf" and name != CORRUPTION_NAME:
        eps = LINF_EPS
    return Assault(
        attack=words["attack"],
        norm=norm,
        eps=eps,
        target=words["target"],
        seed=words["seed"],
        limit=words["limit"],
        examples=words["examples"],
    )


@contextmanager
def _subject(request: Evaluate, reporter: Progress) -> Iterator[Subject]:
    """Open the model and the images."""
    from evenhand.attacks.own_model import OwnNetwork
    from evenhand.attacks.subject import Subject
    from evenhand.attacks.victim import Victim
    from evenhand.pipeline import evaluating

    if request.model.suffix == ".onnx":
        with _onnx_subject(request, reporter) as subject:
            yield subject
        return
    with evaluating.opened(request, reporter) as (model, dataset, rows):
        yield Subject.of(Victim(OwnNetwork(model)), dataset, rows, request.model)


@contextmanager
def _onnx_subject(request: Evaluate, reporter: Progress) -> Iterator[Subject]:
    """Open an ONNX model, which can only be asked, and the images in the size that it takes."""
    from evenhand.attacks.onnx_model import onnx_victim, picture_size
    from evenhand.attacks.subject import Subject
    from evenhand.pipeline.evaluating import images_of

    if request.network is not None:
        raise UsageError("An ONNX model brings its own network. Leave --model out.")
    victim, size = onnx_victim(request.model), picture_size(request.model)
    with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
        dataset, rows = images_of(request, Path(scratch), request.classes, request.size or size, reporter)
        yield Subject.of(victim, dataset, rows, request.model)


def _made_here(study: Path) -> bool:
    """Return whether a run folder was made by this command."""
    import json

    try:
        return bool(json.loads(study.read_text(encoding="utf-8"))["command"] == "attack")
    except (OSError, ValueError, KeyError, TypeError):
        return True  # claiming it says what is wrong


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
