import numpy as np
import pytest

from evenhand.attacks.corruption_noise import amplitude, from_image, length, to_image


@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_gives_back_what_it_was_given(channels: int) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (5, 7, channels))
    picture = (levels / 255).astype(np.float32)
    assert from_image(to_image(picture)).shape == picture.shape
    np.testing.assert_allclose(from_image(to_image(picture)), picture, atol=1e-6)


def test_lengths_follow_the_side_and_noise_its_root() -> None:
    small, large = np.zeros((56, 80, 3), dtype=np.float32), np.zeros((448, 448, 3), dtype=np.float32)
    assert length(8, small) == 2
    assert length(8, large) == 16
    assert amplitude(0.4, small) == pytest.approx(0.2)
    assert amplitude(0.4, large) == 0.4
