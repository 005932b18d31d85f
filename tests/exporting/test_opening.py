from pathlib import Path
from typing import Any

import pytest
import torch

from evenhand.errors import ModelFileError, UsageError
from evenhand.exporting.opening import open_model
from evenhand.training.model_file import save_model
from handed_over import CLASSES, model


def test_a_folder_is_opened_by_itself_or_with_its_own_words(tmp_path: Path) -> None:
    save_model(model(), tmp_path, {})
    assert open_model(tmp_path).classes == CLASSES
    assert open_model(tmp_path, "simple", list(CLASSES), (32, 32)).size == (32, 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"network": "resnet"}, "--model simple"),
        ({"classes": ("a", "b", "c")}, "--classes Katzen"),
        ({"size": (16, 16)}, "--size 32x32"),
    ],
)
def test_other_words_are_refused(words: dict[str, Any], message: str, tmp_path: Path) -> None:
    save_model(model(), tmp_path, {})
    with pytest.raises(UsageError, match=message):
        open_model(tmp_path, **words)


def test_a_file_of_weights_needs_the_words(tmp_path: Path) -> None:
    torch.save(model().members[0].state_dict(), tmp_path / "weights.pt")
    assert open_model(tmp_path / "weights.pt", "simple", CLASSES, (32, 32)).classes == CLASSES
    with pytest.raises(UsageError, match="needs --model"):
        open_model(tmp_path / "weights.pt", "simple", CLASSES)
    with pytest.raises(UsageError, match=r"no model 'simpel'.*Did you mean 'simple'"):
        open_model(tmp_path / "weights.pt", "simpel", CLASSES, (32, 32))
    with pytest.raises(ModelFileError, match="no model"):
        open_model(tmp_path / "absent")
