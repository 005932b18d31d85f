import numpy as np
import pytest

from evenhand.errors import UsageError
from evenhand.pipeline.fitting import Fit, fit_model
from evenhand.training.device import device_named

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
LABELS = np.arange(12) % 2


def test_few_images_are_seen_as_often_as_in_a_run_unless_epochs_are_said() -> None:
    assert Fit().recipe_for(6_000).epochs == 8
    assert Fit().recipe_for(600).epochs == 10
    assert Fit().recipe_for(3).epochs == 200
    assert Fit(changes={"epochs": 3}).recipe_for(3).epochs == 3
    assert Fit(preset="standard").recipe_for(6_000).model == "simple"


def test_the_model_is_a_function_of_what_is_asked() -> None:
    asked = Fit(changes={"epochs": 1, "precision": "float32"}, device="cpu", members=2)
    first, again = (fit_model(asked, PIXELS, LABELS, ("a", "b")) for _ in range(2))
    np.testing.assert_array_equal(first.probabilities(PIXELS), again.probabilities(PIXELS))
    assert len(first.members) == 2
    assert first.flips
    one, other = (member.state_dict()["fc3.bias"] for member in first.members)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"preset": "quik"}, "Did you mean 'quick'"),
        ({"model": "resnett"}, "Did you mean 'resnet'"),
        ({"model": "hf:somebody/vit"}, "pre-trained backbone"),
        ({"members": 0}, "at least 1"),
    ],
)
def test_mistakes_are_said_before_the_work(words: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Fit(**words)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no device"):
        device_named("tpu")
