from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Evenhand = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--epochs", "0"), 2, "--epochs must be at least 1"),
        (("--baseline", "nowhere.ckpt"), 4, "There is no baseline nowhere.ckpt"),
        (("--baseline", __file__), 4, "holds more than weights"),
        (("--test", "nowhere"), 3, "nowhere"),
        (("--tune", "soon"), 2, "--tune takes hours, minutes or seconds"),
        (("--device", "gpu"), 2, "There is no device"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_training(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    said = evenhand("reference", pictures / "train", "--out", tmp_path / "run", "--jobs", "1", "--quiet", *words)
    assert said.code == code, said.err
    assert told in said.err
    assert not (tmp_path / "run" / "trials").exists()
