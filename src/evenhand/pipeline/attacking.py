"""From a trained model and labelled images to how it breaks: `attack`, with the run around the model in mind."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.attacks.assault import CORRUPTION_NAME, Assault
from evenhand.attacks.catalogue import ATTACKS
from evenhand.attacks.onnx_model import onnx_victim, picture_size
from evenhand.attacks.own_model import OwnNetwork
from evenhand.attacks.robustness import measure_robustness
from evenhand.attacks.subject import Subject
from evenhand.attacks.threat import read_eps
from evenhand.attacks.victim import Victim
from evenhand.errors import EvenhandError, UsageError
from evenhand.exporting.card import MODEL_CARD, write_card
from evenhand.pipeline import evaluating
from evenhand.progress import SILENT, Progress
from evenhand.reporting.rebuild import rebuild_report
from evenhand.reporting.robustness_page import write_robustness
from evenhand.settings.commands import Evaluate
from evenhand.store import STUDY, RunFolder

LINF_EPS = 8 / 255
_NOT_SAID = ("schema_version", "versions", "model")


@dataclass(frozen=True)
class Attacked:
    """What an attack found: the figures of the command contract and more, and where everything else lies."""

    out: Path
    model: Path
    told: dict[str, Any]
    folder: Path
    """Tables and pictures."""
    page: Path
    """The page about all attacks on this model."""
    report: Path | None
    """The run's report, where the model is that of a run."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the command contract (`attack`)."""
        pages = {"page": str(self.page)} | ({"report": str(self.report)} if self.report else {})
        shown = {name: value for name, value in self.told.items() if name not in _NOT_SAID}
        return {"run": str(self.out), "model": str(self.model), "folder": str(self.folder), **pages, **shown}


def attack(request: Evaluate, assault: Assault, out: Path, progress: Progress = SILENT) -> Attacked:
    """Attack a model, and write what is left of its accuracy; what was measured before is only read.

    Parameters
    ----------
    request : Evaluate
        The model and the images, as for `evaluate`; the model may be an ``.onnx`` file, which can only be asked.
    assault : Assault
        What is done to it.
    out : Path
        A folder of its own, or the run that the model lies in: the attack then joins its report and the model's card.
    progress : Progress
        Told how far the work is.

    Raises
    ------
    UsageError
        When the words do not fit the model, the classes or the folder.
    ModelFileError
        When the model cannot be found or loaded.
    DataError
        When the data have no images, or a class that the model does not know.
    """
    told, folder = _measured(request, assault, out, progress)
    model = request.model
    name = model.name if model.name != "model" else f"{model.absolute().parent.name}/model"
    page = write_robustness(out, name, told.get("model"))
    found = Attacked(out, model, told, folder, page, _report(out, model, progress))
    if model.resolve() == (out / "model").resolve() and (model / MODEL_CARD).is_file():
        write_card(model)
    return found


def asked(attack: str, norm: str | None, eps: str | float | None, **words: Any) -> Assault:
    """Return what is asked for, refused before any image is decoded where it cannot be meant.

    Parameters
    ----------
    attack : str
        As `Assault` takes it.
    norm : str, optional
        By default linf, or the attack's only norm.
    eps : str or float, optional
        A number or a fraction such as ``8/255``; by default that in linf, and none in other norms.
    **words
        The rest of `Assault`.

    Raises
    ------
    UsageError
        When a word cannot be meant.
    """
    name = attack.partition(":")[0].strip()
    chosen = norm or (ATTACKS[name].kind.norms[0] if name in ATTACKS else "linf")
    most = read_eps(eps) if isinstance(eps, str) else eps
    if most is None and chosen == "linf" and name != CORRUPTION_NAME:
        most = LINF_EPS
    return Assault(attack=attack, norm=chosen, eps=None if most is None else float(most), **words)


def _measured(request: Evaluate, assault: Assault, out: Path, progress: Progress) -> tuple[dict[str, Any], Path]:
    with _subject(request, progress) as subject:
        assault.check(subject)
        if (out / STUDY).is_file() and not _made_here(out / STUDY):
            # A run of another command: the attacks on its model lie beside its report.
            return measure_robustness(subject, assault, out, progress)
        with RunFolder.claim(out, settings={}, command="attack") as run:
            run.bind(subject.fingerprint, {"model": str(request.model)})
            return measure_robustness(subject, assault, out, progress)


def _report(out: Path, model: Path, progress: Progress) -> Path | None:
    """Write the report of a run again where the model is its own; None where it is not, or that failed."""
    if not (out / STUDY).is_file() or _made_here(out / STUDY) or model.resolve() != (out / "model").resolve():
        return None
    try:
        return rebuild_report(out)
    except EvenhandError as error:
        progress.note(f"The report of {out} could not be written again. {error}")
        return None


@contextmanager
def _subject(request: Evaluate, progress: Progress) -> Iterator[Subject]:
    """Open the model and the images."""
    if request.model.suffix == ".onnx":
        with _onnx_subject(request, progress) as subject:
            yield subject
        return
    with evaluating.opened(request, progress) as (model, dataset, rows):
        yield Subject.of(Victim(OwnNetwork(model)), dataset, rows, request.model)


@contextmanager
def _onnx_subject(request: Evaluate, progress: Progress) -> Iterator[Subject]:
    """Open an ONNX model, which can only be asked, and the images in the size that it takes."""
    if request.network is not None:
        raise UsageError("An ONNX model brings its own network. Leave --model out.")
    victim, size = onnx_victim(request.model), picture_size(request.model)
    with tempfile.TemporaryDirectory(prefix="evenhand-") as scratch:
        dataset, rows = evaluating.images_of(request, Path(scratch), request.classes, request.size or size, progress)
        yield Subject.of(victim, dataset, rows, request.model)


def _made_here(study: Path) -> bool:
    """Return whether a run folder was made by this command."""
    try:
        return bool(json.loads(study.read_text(encoding="utf-8"))["command"] == "attack")
    except (OSError, ValueError, KeyError, TypeError):
        return True  # claiming it says what is wrong
