import numpy as np
import pytest

from evenhand.attacks.corruption_blur import clouds, disc, filtered, streak


@pytest.mark.parametrize("radius", [1.0, 3.3, 9.0])
def test_a_disc_is_round_and_adds_up(radius: float) -> None:
    kernel = disc(radius)
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel, kernel[::-1])
    np.testing.assert_allclose(kernel, kernel.T)
    assert (kernel > 0).sum() == pytest.approx(np.pi * (radius + 0.7) ** 2, rel=0.4)


@pytest.mark.parametrize("reach", [1.2, 5.0, 20.5])
@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
def test_a_streak_has_its_length_and_angle(reach: float, angle: float) -> None:
    kernel = streak(reach, angle)
    assert kernel.sum() == pytest.approx(1)
    side = kernel.shape[0] // 2
    rows, columns = np.mgrid[-side : side + 1, -side : side + 1]
    assert (kernel * rows).sum() == pytest.approx(0, abs=0.1)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    across = columns * np.sin(angle) - rows * np.cos(angle)
    assert (kernel * along**2).sum() == pytest.approx(reach**2 / 12, abs=0.4 + 0.1 * reach)
    assert (kernel * across**2).sum() < 0.5


def test_what_is_spread_out_is_not_lost_at_the_border() -> None:
    picture = np.random.default_rng(0).random((9, 12, 3)).astype(np.float32)
    found = filtered(picture, disc(3.0))
    assert found.shape == picture.shape
    assert found.mean() == pytest.approx(picture.mean(), rel=0.05)
    np.testing.assert_allclose(filtered(np.ones((9, 12, 1), dtype=np.float32), disc(2.0)), 1, rtol=1e-5)


def test_clouds_fill_the_range() -> None:
    found = clouds(40, 25, np.random.default_rng(0), roughness=0.5)
    assert found.shape == (40, 25)
    assert (found.min(), found.max()) == (0, 1)
    # Neighbours are alike: these are clouds, not noise.
    assert np.corrcoef(found[:, :-1].ravel(), found[:, 1:].ravel())[0, 1] > 0.9
