import numpy as np
import pytest
from PIL import Image, ImageDraw

from evenhand.data.demo.pen import Dice, Pen, blend, shade


def test_dice_repeat_themselves_and_keep_their_bounds() -> None:
    first, again = Dice(1, 2), Dice(1, 2)
    thrown = [first.between(-2, 3) for _ in range(500)]
    assert thrown == [again.between(-2, 3) for _ in range(500)]
    assert min(thrown) >= -2
    assert max(thrown) < 3
    assert {first.pick("abc") for _ in range(50)} == set("abc")
    assert 0.2 < np.mean([first.chance(0.3) for _ in range(500)]) < 0.4


def test_colours_stay_in_their_ranges() -> None:
    dice = Dice(0)
    for _ in range(100):
        red, green, blue = dice.colour((0.8, 1.0), (0.6, 0.9), (-0.03, 0.03))
        assert 150 <= red <= 230
        assert max(green, blue) <= 77


def test_shade_and_blend() -> None:
    assert shade((100, 200, 10), 0.5) == (50, 100, 5)
    assert shade((100, 200, 10), 2.0) == (200, 255, 20)
    assert blend((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)


@pytest.mark.parametrize(
    ("angle", "stretch", "expected"), [(0.0, 1.0, (30, 20)), (0.0, -2.0, (-30, 20)), (np.pi / 2, 1.0, (10, 40))]
)
def test_a_pen_scales_turns_and_mirrors(angle: float, stretch: float, expected: tuple[float, float]) -> None:
    image = Image.new("RGB", (4, 4))
    pen = Pen(ImageDraw.Draw(image), x=10, y=20, scale=20, angle=angle, stretch=stretch)
    assert pen.place([(1.0, 0.0)])[0] == pytest.approx(expected)


def test_a_pen_fills_what_it_is_told() -> None:
    image = Image.new("RGB", (20, 20))
    pen = Pen(ImageDraw.Draw(image), x=10, y=20, scale=10)
    pen.box((255, 0, 0), -1.0, -2.0, 0.0, 0.0)
    pen.oval((0, 0, 255), 0.5, -1.0, 0.3, 0.6)
    pixels = np.asarray(image)
    assert (pixels[:, :10] == (255, 0, 0)).all()
    assert tuple(pixels[10, 15]) == (0, 0, 255)
    assert not pixels[0, 15].any()
