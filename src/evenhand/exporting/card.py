"""The model card: what a model is for, what it was made from, how good and how robust it is, and where it ends."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evenhand.disk import write_text
from evenhand.errors import ModelFileError
from evenhand.evaluation.intervals import wilson
from evenhand.exporting.export import BESIDE
from evenhand.exporting.limits import limits
from evenhand.exporting.onnx_model import ENDING
from evenhand.training.model_file import CARD as DESCRIPTION
from evenhand.training.model_file import WEIGHTS

MODEL_CARD = "MODEL_CARD.md"
_FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (mean recall)",
    "macro_f1": "macro F1",
    "log_loss": "log-loss",
    "ece": "calibration error",
}


def write_card(folder: Path) -> Path:
    """Write ``MODEL_CARD.md`` of a model folder from what lies in it and in its run; return its place.

    Everything comes from ``model.json``, from the figures beside exported files, and from ``robustness/`` beside the
    folder. The same files give the same card.

    Raises
    ------
    ModelFileError
        When there is no ``model.json`` that can be read.
    """
    path = folder / DESCRIPTION
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        text = "\n".join(_lines(made, _exports(folder), _attacks(folder))) + "\n"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"No card can be made of {path}: {type(error).__name__}: {error}.") from error
    write_text(folder / MODEL_CARD, text)
    return folder / MODEL_CARD


def _lines(made: dict[str, Any], exports: dict[str, Any], attacks: Sequence[dict[str, Any]]) -> Iterator[str]:
    classes = [plain(name) for name in made["classes"]]
    yield "# Model card"
    yield ""
    yield from _about(made, classes)
    yield "\n## Intended use\n"
    yield (
        f"To tell which of {len(classes)} classes a picture shows: {', '.join(classes)}. Every picture gets one of "
        "them, also a picture of something else; `evenhand predict --reject-below 0.9` leaves unsure ones to people. "
        "It is meant for pictures like those it was trained on, and for decisions that somebody can check."
    )
    yield "\n## Data\n"
    yield from _data(made)
    yield "\n## Known label errors\n"
    yield from _label_errors(made)
    yield "\n## Figures\n"
    yield from _figures(made)
    yield "\n## Robustness\n"
    yield from _robustness(attacks)
    yield "\n## Limits\n"
    yield from (f"- {line}" for line in limits(made, plain))
    yield "\n## How it takes a picture\n"
    height, width = made["size"]
    yield (
        f"Decoded upright to RGB in 8 bits, transparency over white, brought to {height} x {width} pixels (height x "
        "width; Pillow's bicubic resize, the whole picture is kept, its aspect is not). Scaling, mirror images, prior "
        "correction and temperature are part of the model."
    )
    yield "\n## Files\n"
    yield "- `model.safetensors`, `model.json`: weights and description; loading them executes no code."
    for name, figures in sorted(exports.items()):
        yield f"- `{name}`: {_export(figures)}"


def _about(made: Mapping[str, Any], classes: Sequence[str]) -> Iterator[str]:
    recipe, members = made["recipe"], made["members"]
    version = made.get("environment", {}).get("evenhand", "")
    kind = f"of the kind `{recipe['model']}`"
    networks = f"One network {kind}" if members == 1 else f"{members} networks {kind}, whose probabilities are averaged"
    yield (
        f"An image classifier of {len(classes)} classes, made by evenhand {version}".rstrip()
        + f". {networks}; {recipe['epochs']} epochs, remedy `{made.get('remedy', 'none')}`, "
        f"repair `{made.get('repair', 'none')}`"
        + (", each picture seen together with its mirror image." if made["flips"] else ".")
    )


def _data(made: Mapping[str, Any]) -> Iterator[str]:
    counts = made.get("training_counts")
    if counts:
        total = sum(counts.values()) or 1
        yield from _table(
            ("class", "training images", "share"),
            [[plain(name), f"{counts[name]:g}", f"{counts[name] / total:.1%}"] for name in made["classes"]],
        )
        whole = "training images alone" if made.get("trained_on", "train") == "train" else "all images, test included"
        yield f"\nTrained on {whole}; counts are what the repair left."
    audit = made.get("audit") or {}
    if audit:
        yield (
            f"Files that could not be taken: {audit['unreadable']}. Groups of copies and near-duplicates: "
            f"{audit['duplicate_groups']}; copies of test images outside the test, which sat out: {audit['leaked']}."
        )
    yield f"\nFingerprint of the data: `{made.get('data', 'not known')}`."


def _label_errors(made: Mapping[str, Any]) -> Iterator[str]:
    audit = made.get("audit") or {}
    estimate = audit.get("wrong_labels_estimate")
    if estimate is None:
        yield "The labels were not checked, or there were too few to say: their errors are in every figure below."
        return
    yield (
        f"About {estimate['value']:.0f} of the training labels are estimated to be wrong (95 % interval "
        f"{estimate['low']:.0f} to {estimate['high']:.0f}); {audit['label_issues']} images were named as suspects. "
        f"What was done about them: `{made.get('repair', 'none')}`."
    )
    for pair in audit.get("pairs", [])[:5]:
        if pair["value"] >= 0.5:
            yield (
                f"- filed as {plain(pair['given'])}, really {plain(pair['true'])}: about {pair['value']:.0f} "
                f"({pair['low']:.0f} to {pair['high']:.0f})"
            )


def _figures(made: Mapping[str, Any]) -> Iterator[str]:
    shown = [
        ("On the test images, which were read once, after the choice; labels as given", made.get("test")),
        ("On the test images, labels as corrected by people", made.get("test_corrected")),
        ("Out of fold on the training images, the choice of the remedy included", made.get("out_of_fold")),
    ]
    if not any(figures for _, figures in shown):
        yield "None were measured: `evenhand evaluate` measures them on labelled images."
        return
    for title, figures in shown:
        if figures:
            yield f"**{title}** ({figures['n']} images).\n"
            yield from _evaluated(figures)
            yield ""
    yield "Intervals are at 95 %."


def _evaluated(figures: Mapping[str, Any]) -> Iterator[str]:
    yield from _table(
        ("figure", "value", "interval"),
        [
            [words, f"{figures[name]:.3f}", f"{figures[f'{name}_low']:.3f} to {figures[f'{name}_high']:.3f}"]
            for name, words in _FIGURES.items()
        ],
    )
    yield ""
    rows = []
    for number, name in enumerate(figures["classes"]):
        own = figures["per_class"][name]
        low, high = wilson(figures["confusion"][number][number], own["support"])
        cells = (f"{own['precision']:.3f}", f"{own['recall']:.3f}", f"{low:.3f} to {high:.3f}", f"{own['f1']:.3f}")
        rows.append([plain(name), *cells, str(own["support"])])
    yield from _table(("class", "precision", "recall", "interval of the recall", "F1", "images"), rows)


def _robustness(attacks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not attacks:
        yield "Not measured yet: `evenhand attack` measures it, and writes it here."
        return
    rows = []
    for found in attacks:
        budget = "" if found.get("eps") is None else f"{found['norm']} {found['eps']:.4g}"
        low, high = found.get("robust_accuracy_low"), found.get("robust_accuracy_high")
        interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        clean, left = (found.get(name) for name in ("clean_accuracy", "robust_accuracy"))
        shares = ["" if share is None else f"{share:.3f}" for share in (clean, left)]
        rows.append([plain(str(found["attack"])), budget, str(found.get("n", "")), *shares, interval])
    yield from _table(("attack", "budget", "images", "accuracy untouched", "under attack", "interval"), rows)


def _export(figures: Mapping[str, Any]) -> str:
    if "parity" in figures:
        parity = figures["parity"]
        return (
            f"ONNX, from bytes to probabilities; same classes as the model on {parity['n']} {parity['split']} images, "
            f"probabilities within {parity['largest']:.1e}."
        )
    price = figures["price"]
    worst = min(price["per_class"].items(), key=lambda item: item[1]["difference"]["value"])
    change = worst[1]["difference"]
    return (
        f"ONNX in 8 bits; {price['other_class']} of {price['n']} images are called differently, the recall of "
        f"{plain(worst[0])} changes most for the worse: {change['value']:+.3f} ({change['low']:+.3f} to "
        f"{change['high']:+.3f})."
    )


def _exports(folder: Path) -> dict[str, Any]:
    found = sorted(folder.glob(f"*{ENDING}{BESIDE}"))
    return {path.name.removesuffix(BESIDE): json.loads(path.read_text(encoding="utf-8")) for path in found}


def _attacks(folder: Path) -> list[dict[str, Any]]:
    """Return the attacks that ended with a figure, those on other models left out."""
    own = hashlib.sha256((folder / DESCRIPTION).read_bytes() + (folder / WEIGHTS).read_bytes()).hexdigest()
    places = sorted((folder.parent / "robustness").glob("*/result.json"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in places]
    return [told for told in found if "attack" in told and told.get("model") in (None, "", own)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def plain(text: str) -> str:
    """Return a name as Markdown that shows just that name, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(text.split()))
