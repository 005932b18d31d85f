"""Tiny backbones that tests make and save themselves: random weights by a fixed seed, and an image processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

PROCESSOR = {
    "do_resize": True,
    "size": {"height": 24, "width": 24},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.25],
    "image_processor_type": "ViTImageProcessor",
}
_CONVOLUTIONS = {"depths": [1, 1], "hidden_sizes": [8, 16]}
_TOKENS = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 24,
    "patch_size": 8,
}
_WINDOWS = {"image_size": 24, "patch_size": 3, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
WORDS: dict[str, dict[str, Any]] = {
    "beit": _TOKENS,
    "convnext": {"num_stages": 2, **_CONVOLUTIONS},
    "convnextv2": {"num_stages": 2, **_CONVOLUTIONS},
    "deit": _TOKENS,
    "dinov2": {**_TOKENS, "mlp_ratio": 2},
    "dinov2_with_registers": {**_TOKENS, "mlp_ratio": 2},
    "regnet": {"embedding_size": 8, "groups_width": 8, **_CONVOLUTIONS},
    "resnet": {"embedding_size": 8, "layer_type": "basic", **_CONVOLUTIONS},
    "swin": _WINDOWS,
    "swinv2": _WINDOWS,
    "vit": _TOKENS,
}
"""Of each kind that is known, the configuration of a tiny one."""


def tiny(folder: Path, kind: str = "vit", seed: int = 0, **processor: Any) -> Path:
    """Save a tiny backbone as transformers does, and return its folder; words change its image processor."""
    from transformers import AutoConfig, AutoModel, utils

    utils.logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: Any = AutoModel
        made.from_config(AutoConfig.for_model(kind, **WORDS[kind])).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | processor), encoding="utf-8")
    return folder


def change(folder: Path, **entries: Any) -> None:
    """Change entries of a saved backbone's configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | entries), encoding="utf-8")
