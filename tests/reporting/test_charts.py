"""From values to places on an axis, and what a screen reader is told."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.records.comparison import Curve
from evenhand.reporting import charts


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_an_axis_holds_its_values_between_round_ticks(low: float, width: float) -> None:
    made = charts.scale(low, low + width)
    assert made.low <= low + 1e-6 * (abs(low) + width)
    assert made.high >= low + width - 1e-6 * (abs(low) + width)
    assert 3 <= len(made.ticks) <= 9
    assert (np.diff(made.ticks) > 0).all()


def test_an_axis_for_one_value_alone_still_has_a_width() -> None:
    made = charts.scale(3.0, 3.0)
    assert made.low < 3 < made.high


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_an_axis_for_shares_holds_them_and_never_leaves_zero_to_one(values: list[float]) -> None:
    made = charts.share_scale(values)
    assert 0 <= made.low <= min(values)
    assert max(values) <= made.high <= 1


def test_values_lie_where_they_should_and_wild_ones_at_the_ends() -> None:
    made = charts.Scale(0.5, 1.0, (0.5, 1.0))
    assert [made.at(value) for value in (0.5, 0.75, 1.0, 0.1, 9.0)] == [0, 50, 100, 0, 100]


def test_a_bar_is_as_long_as_its_value_and_says_it() -> None:
    made = charts.bar(25, charts.Scale(0, 100, (0, 100)), "Cats & <dogs>: 25", second=50)
    assert 'width="25.0%"' in made
    assert 'class="ghost" x="0" y="3" height="12" width="50.0%"' in made
    assert 'aria-label="Cats &amp; &lt;dogs&gt;: 25"' in made


def test_a_count_that_would_vanish_keeps_a_sliver_and_none_has_none() -> None:
    axis = charts.Scale(0, 1_000_000, (0, 1_000_000))
    assert 'width="2"' in charts.bar(1, axis, "one")
    assert 'width="2"' not in charts.bar(0, axis, "none")


def test_an_interval_draws_dot_reach_and_mark() -> None:
    made = charts.interval(0.5, 0.25, 0.75, charts.WHOLE, "half", mark=0.1)
    assert 'x1="25.0%" x2="75.0%"' in made
    assert 'cx="50.0%"' in made
    assert 'class="mark" x1="10.0%"' in made


def test_every_tick_is_written_where_it_lies() -> None:
    made = charts.axis(charts.WHOLE, lambda tick: f"{tick:.2f}")
    assert re.findall(r'x="([\d.]+)%".*?>([\d.]+)</text>', made) == [
        ("0.0", "0.00"),
        ("25.0", "0.25"),
        ("50.0", "0.50"),
        ("75.0", "0.75"),
        ("100.0", "1.00"),
    ]


def points(drawing: str, kind: str) -> list[tuple[float, float]]:
    found = re.search(rf'class="{kind}" points="([^"]*)"', drawing)
    assert found, f"no line {kind}"
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found[1].split())]


def test_epochs_lie_at_their_middles_and_fall_as_their_losses_do() -> None:
    made = charts.loss_curve(Curve((4.0, 2.0, 1.0, 1.0), (3.0, 1.0), (2.0, 2.0)), "falls")
    epochs = points(made, "epochs")
    assert [x for x, _ in epochs] == [250, 750]
    top = 1000 * (1 - 3 / 4)
    assert [y for _, y in epochs] == pytest.approx([top, 750], abs=1)
    assert points(made, "validation") == [(250, 500), (750, 500)]
    assert len(points(made, "steps")) == 4


def test_very_many_steps_are_drawn_as_their_reach() -> None:
    losses = np.tile([1.0, 3.0], 50_000)
    made = charts.loss_curve(Curve(tuple(losses), (2.0,)), "noisy")
    steps = points(made, "steps")
    assert len(steps) == 2 * charts.MOST_STEPS
    assert len({y for _, y in steps}) == 2
    assert len(made) < 20_000


@pytest.mark.parametrize("curve", [Curve((), ()), Curve((), (0.5,)), Curve((0.0, 0.0), (0.0,))])
def test_curves_without_steps_or_with_one_epoch_or_without_any_loss_are_drawn(curve: Curve) -> None:
    made = charts.loss_curve(curve, "short")
    assert "nan" not in made
    assert ("polyline" in made) == bool(curve.epoch_loss or curve.step_loss)
