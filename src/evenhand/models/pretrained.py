"""Pre-trained backbones by name: where one lies on this machine, what its files say, and the digest of its content."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.errors import ModelFileError, UsageError, suggest
from evenhand.models.pretrained_pictures import Preprocessing
from evenhand.records.values import canonical_json

PREFIX = "hf:"
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
DIGITS = 12
"""Of the digest, in the name by which a run knows a backbone."""
FIRST, POOLED = "first token", "pooled"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "beit": (POOLED, {"attn_implementation": "eager"}),
    "convnext": (POOLED, {"attn_implementation": "eager"}),
    "convnextv2": (POOLED, {"attn_implementation": "eager"}),
    "deit": (FIRST, {"attn_implementation": "sdpa", "add_pooling_layer": False}),
    "dinov2": (FIRST, {"attn_implementation": "sdpa"}),
    "dinov2_with_registers": (FIRST, {"attn_implementation": "sdpa"}),
    "regnet": (POOLED, {"attn_implementation": "eager"}),
    "resnet": (POOLED, {"attn_implementation": "eager"}),
    "swin": (POOLED, {"attn_implementation": "eager"}),
    "swinv2": (POOLED, {"attn_implementation": "eager"}),
    "vit": (FIRST, {"attn_implementation": "sdpa", "add_pooling_layer": False}),
}
"""The kinds of network that are known, as transformers calls them: where their features are, and words for building.

A ViT's own pooling layer is left out: most published weights have none, and a random one would spoil the features. How
attention is computed is stated, so that no configuration can ask for code from elsewhere.
"""
_SILENT = ("_name_or_path", "architectures", "transformers_version", "id2label", "label2id", "problem_type")
"""Entries of a configuration that change no feature."""


@dataclass(frozen=True)
class Backbone:
    """A backbone on this machine: the name by which trials know it, made from its content, and its folder."""

    name: str
    folder: Path


def is_pretrained(name: str) -> bool:
    """Return whether a model's name is that of a pre-trained backbone."""
    return name.startswith(PREFIX)


def find(name: str) -> Backbone:
    """Return the backbone that ``hf:NAME_OR_FOLDER`` means; the network is never used.

    Parameters
    ----------
    name : str
        A folder that transformers wrote, or the name of a model in its cache on this machine.

    Raises
    ------
    UsageError
        When transformers is not installed, or there is no such folder and no such model in the cache.
    ModelFileError
        When the folder is not one that can be used safely.
    """
    if name in _PLACES:
        return Backbone(name, _PLACES[name])
    check_installed()
    told = name.removeprefix(PREFIX).strip()
    folder = Path(told).expanduser()
    if not told:
        raise UsageError("hf: needs the name of a model or a folder after it, as in --model hf:./my-backbone.")
    if not folder.is_dir():
        folder = _in_cache(told)
    _, _, content = read(folder)
    # A folder's own name says what it is; in the cache the folders are called after revisions.
    base = Path(told).expanduser().resolve().name if Path(told).expanduser().is_dir() else told.rsplit("/", 1)[-1]
    found = Backbone(f"{PREFIX}{re.sub(r'[^A-Za-z0-9._-]+', '-', base)}@{content[:DIGITS]}", folder.resolve())
    remember([(found.name, str(found.folder))])
    return found


def check_installed() -> None:
    """Refuse kindly when transformers is not there.

    Raises
    ------
    UsageError
        When it is not.
    """
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "A pre-trained backbone needs the package transformers. Install it with: pip install 'evenhand[pretrained]'"
        ) from error


def read(folder: Path) -> tuple[dict[str, Any], Preprocessing, str]:
    """Return a backbone's configuration, what it wants done to pictures, and the SHA-256 of all that decides features.

    Raises
    ------
    ModelFileError
        When a file is missing or damaged, when the weights are pickled, when the folder brings code of its own, or
        when the kind of network is not known.
    """
    config = _json(folder, CONFIG, "Save the backbone with save_pretrained.")
    if "auto_map" in config:
        raise ModelFileError(
            f"{folder} brings code of its own, which is not run. Only these kinds of network are: {', '.join(KINDS)}."
        )
    if "quantization_config" in config:
        raise ModelFileError(f"{folder} holds quantised weights, which cannot be trained on. Take the plain ones.")
    kind = str(config.get("model_type"))
    if kind not in KINDS:
        raise ModelFileError(f"{folder} is a {kind!r}, whose features are not known here. {suggest(kind, KINDS)}")
    name = next((name for name in PROCESSORS if (folder / name).is_file()), PROCESSORS[0])
    told = _json(folder, name, "It says how pictures are prepared; copy it from where the weights come from.")
    wanted = Preprocessing.of_processor(told.get("image_processor", told), folder)
    said = {key: value for key, value in config.items() if key not in _SILENT}
    hasher = hashlib.sha256(canonical_json([said, wanted.to_json()]).encode())
    for file in _weights(folder):
        hasher.update(_digest(file, file.stat().st_size, file.stat().st_mtime_ns))
    return config, wanted, hasher.hexdigest()


_PLACES: dict[str, Path] = {}
"""Where backbones were found, by names that say their content: entries are added and never change what they mean."""


def remember(backbones: Iterable[tuple[str, str]]) -> None:
    """Note where backbones lie, by (name, folder): a worker learns from its work what the command found."""
    for name, folder in backbones:
        _PLACES[name] = Path(folder)


def located(name: str) -> Path:
    """Return the folder of a backbone, whose content is still that of its name.

    Raises
    ------
    ModelFileError
        When it is not, or nobody has said where the backbone lies.
    """
    folder = _PLACES.get(name)
    if folder is None:
        raise ModelFileError(f"Nobody has said where {name} lies. Give its folder: --model hf:FOLDER.")
    if not name.endswith("@" + read(folder)[2][:DIGITS]):
        raise ModelFileError(f"The backbone in {folder} is no longer {name}: its files have changed. Start anew.")
    return folder


def _in_cache(name: str) -> Path:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        place = try_to_load_from_cache(name, CONFIG)
    except HFValidationError:
        place = None
    if not isinstance(place, str):
        raise UsageError(
            f"There is no folder {name}, and no model of this name in the cache of this machine; nothing is downloaded "
            f"unasked. Either give the folder of a saved backbone, or download it once: "
            f"hf download {name} {CONFIG} {PROCESSORS[0]} {WEIGHTS}"
        )
    return Path(place).parent


def _json(folder: Path, name: str, advice: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise ModelFileError(f"{folder} has no {name}. {advice}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}. Copy the backbone again.") from error
    if not isinstance(found, dict):
        raise ModelFileError(f"{path} is no JSON object. Copy the backbone again.")
    return found


def _weights(folder: Path) -> list[Path]:
    """Return the files of the weights, one or a few."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted({str(name) for name in _json(folder, INDEX, "").get("weight_map", {}).values()})
        if names and all(Path(name).name == name and (folder / name).is_file() for name in names):
            return [folder / name for name in names]
        raise ModelFileError(f"{folder / INDEX} names files that are not there. Copy the backbone again.")
    raise ModelFileError(
        f"{folder} has no {WEIGHTS}. Weights in other files may hold code and are not read: load them where you trust "
        "them, and save_pretrained writes this file."
    )


@functools.lru_cache(maxsize=64)
def _digest(file: Path, length: int, changed: int) -> bytes:  # noqa: ARG001 - a changed file is another key
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
