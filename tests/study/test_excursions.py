import numpy as np

from evenhand.study.excursions import Excursions, Level, excursions, first_rise, rising_since
from evenhand.study.loss_noise import Doubles, Noise

START = Level(1.0, 0.0)


def made(*parts: tuple[int, float], noise: float = 0.02) -> Doubles:
    """Return losses that keep each level for so many steps."""
    levels = np.concatenate([np.full(steps, level) for steps, level in parts])
    return levels + noise * np.random.default_rng(len(levels)).normal(size=len(levels))


def seen(values: Doubles) -> Excursions:
    return excursions(values, Noise.of(values), START, float(values[-len(values) // 10 :].mean()), 0.01)


def test_a_loss_that_only_falls_has_no_excursions() -> None:
    assert seen(made((50, 1.0), (50, 0.7), (150, 0.3))) == Excursions((), None)
    assert seen(made((250, 1.0))) == Excursions((), None)


def test_a_detour_of_less_than_half_is_none() -> None:
    assert seen(made((20, 1.0), (80, 0.2), (50, 0.5), (100, 0.2))) == Excursions((), None)


def test_a_relapse_is_found_where_it_begins() -> None:
    found = seen(made((20, 1.0), (80, 0.2), (50, 0.8), (50, 0.2), (20, 0.9), (30, 0.2)))
    assert found.lost_since is None
    assert len(found.relapses) == 2
    # Losses are looked at in windows of three steps.
    assert abs(found.relapses[0] - 101) <= 3
    assert abs(found.relapses[1] - 201) <= 3


def test_what_is_lost_for_good_is_told_from_what_comes_back() -> None:
    found = seen(made((20, 1.0), (80, 0.2), (150, 0.9)))
    assert found == Excursions((), 100)


def test_troubles_of_the_first_tenth_are_forgiven() -> None:
    assert seen(made((5, 1.0), (5, 0.2), (10, 0.9), (230, 0.1))) == Excursions((), None)
    assert seen(made((5, 1.0), (5, 0.2), (30, 0.9), (210, 0.1))).relapses == (10,)


def test_noise_alone_makes_no_excursion() -> None:
    for seed in range(200):
        random = np.random.default_rng(seed)
        values = 0.3 + 0.7 * np.exp(-np.arange(2000) / 100) + 0.4 * random.standard_exponential(2000) - 0.4
        found = excursions(values, Noise.of(values), START, float(values[-200:].mean()), 0.01)
        assert found == Excursions((), None), seed


def test_rises_above_the_start() -> None:
    values = made((100, 1.0), (10, 3.0), (140, 1.0))
    assert first_rise(values, Noise.of(values), START, 0.01) == 101
    alone = made((250, 1.0))
    alone[70] = 1.5
    assert first_rise(alone, Noise.of(alone), START, 0.01) == 71
    alone[70] = 1.15
    assert first_rise(alone, Noise.of(alone), START, 0.01) is None
    flat = made((250, 1.0))
    assert first_rise(flat, Noise.of(flat), START, 0.01) is None
    for_good = made((50, 1.0), (50, 0.5), (150, 2.0))
    assert rising_since(for_good, Noise.of(for_good), START, 2.0) == 100
    at_once = made((250, 2.0))
    assert rising_since(at_once, Noise.of(at_once), START, 2.0) == 1
    growing = 1.1 ** np.arange(250)
    assert rising_since(growing, Noise.of(growing), START, float(growing[-25:].mean())) == 1
