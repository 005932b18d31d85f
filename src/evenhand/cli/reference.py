"""The command that replays the reference study: its words, what it calls, what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenhand.cli import options, show
from evenhand.cli.console import progress
from evenhand.errors import UsageError

if TYPE_CHECKING:
    from evenhand.pipeline.reference import Replayed

Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="A checkpoint to evaluate: a PyTorch file of weights for the study's network, or a model folder. A file's "
        "outputs are taken in the order of --classes. [default: Car, Truck, Cat where the classes are these]",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        help="Epochs of each experiment; final model and learning rates get twice as many. [default: 10, the study's]",
    ),
]
Tune = Annotated[
    str | None,
    typer.Option(
        "--tune",
        help="Search for settings of the study's recipe for so long, as in 20m; needs evenhand[tune]. "
        "[default: nothing is tuned]",
    ),
]
Edits = Annotated[
    list[Path] | None,
    typer.Option(
        "--edits", help="A ledger of decisions (RUN/edits.jsonl): figures on the labels that it corrects are added."
    ),
]


def reference(
    data: options.Data,
    test: options.Test = None,
    baseline: Baseline = None,
    epochs: Epochs = None,
    edits: Edits = None,
    tune: Tune = None,
    out: options.Out = None,
    classes: options.Classes = None,
    size: options.Size = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Replay the reference study: published figures beside measured ones, then what it left undone."""
    replay(dict(locals()), json=json, quiet=quiet)


def replay(words: Mapping[str, Any], *, json: bool, quiet: bool) -> None:
    """Replay the study and print what came of it."""
    epochs = words["epochs"]
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, not {epochs}.")
    seconds = _seconds(words["tune"])
    asked = {**words, "edits": None, "change": [f"epochs={epochs}"] if epochs else None}
    settings = options.settings("reference", asked)
    from evenhand.pipeline import reference as replaying

    found = replaying.reference(
        settings,
        progress(quiet=quiet),
        baseline=words["baseline"],
        edits=tuple(words["edits"] or ()),
        tune=seconds,
    )
    if json:
        show.print_json("reference", run=str(settings.out), **told(found), report=str(found.report))
        return
    for line in lines(found):
        print(line)
    show.print_places([("Model", settings.out / "model"), ("Report", found.report)])


def _seconds(text: str | None) -> float | None:
    """Return how long a search may take. Raises UsageError for what is no length of time."""
    try:
        return options.duration(text)
    except UsageError as error:
        raise UsageError(str(error).replace("--time-limit", "--tune")) from error


def told(found: Replayed) -> dict[str, Any]:
    """Return what ``--json`` says of a replay."""
    from evenhand.cli.rates import told as of_rates
    from evenhand.study.published import published
    from evenhand.study.reference import told as of_one

    theirs, study = published(), found.study
    known = {one.name: one.accuracy for one in theirs.experiments}
    base = of_one(study.baseline) | {"published_accuracy": theirs.baseline.accuracy} if study.baseline else None
    return {
        "judged_on": study.judged_on,
        "n": study.n,
        "trained_on": study.trained_on,
        "counts": found.audit.counts,
        "wrong_labels_estimate": found.audit.to_json()["wrong_labels_estimate"],
        "suspects": study.flagged,
        "baseline": base and _without_curve(base),
        "experiments": [
            _without_curve(of_one(one)) | {"published_accuracy": known[one.name]} for one in study.experiments
        ],
        "final": _without_curve(of_one(study.final)) | {"refit_examples": sum(study.refit)},
        "undone": [_without_curve(of_one(one)) for one in study.undone],
        "rates": of_rates(found.rates)["rates"] if found.rates else None,
        "attacks": [{name: one[name] for name in _SAID} for one in found.attacks],
        "tuning": list(study.tuning),
        "missing": list(study.missing),
    }


_SAID = ("attack", "norm", "eps", "n", "clean_accuracy", "robust_accuracy", "success_rate", "median_norm", "settings")


def _without_curve(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "curve"}


def lines(found: Replayed) -> list[str]:
    """Return what people read."""
    from evenhand.study.published import published

    study, theirs = found.study, published()
    known = {one.name: one.accuracy for one in theirs.experiments} | {"the baseline": theirs.baseline.accuracy}
    made = [f"Accuracy on {study.n} {study.judged_on} images, labels as given:"]
    for one in (*([study.baseline] if study.baseline else []), *study.experiments):
        accuracy, expected = one.given.accuracy, one.expected
        corrected = (
            f"; balanced, expected on the true labels {expected.balanced_accuracy.value:.3f}" if expected else ""
        )
        made.append(
            f"  {one.name}: published {known[one.name]:.3f}, here {accuracy.value:.3f} ({accuracy.low:.3f} to "
            f"{accuracy.high:.3f}){corrected}"
        )
    made.append(
        f"About {study.wrong.value:.0f} training labels are wrong ({study.wrong.low:.0f} to {study.wrong.high:.0f}); "
        f"{study.flagged} images are named as suspects. With these left out, balanced, expected on the true labels:"
    )
    made += [
        f"  {one.name}: {one.expected.balanced_accuracy.value:.3f}"
        for one in study.undone
        if one.repair != "none" and one.expected
    ]
    return [*made, *study.tuning, *study.missing]
