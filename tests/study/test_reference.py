"""What is kept of a replay of the reference study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import reference_study as made_up
from evenhand.errors import EvenhandError
from evenhand.records.comparison import Curve
from evenhand.records.values import Interval
from evenhand.study.reference import FILE, MOST_STEPS, drawn_together, expected_of, read_reference, write_reference


def test_it_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    assert read_reference(tmp_path) is None
    found = made_up.study()
    with_ledger = replace(found.experiments[0], ledger=found.experiments[1].given)
    found = replace(found, experiments=(with_ledger, *found.experiments[1:]), missing=("Something.",))
    write_reference(tmp_path, found)
    assert read_reference(tmp_path) == found
    write_reference(tmp_path, replace(found, baseline=None))
    assert read_reference(tmp_path) == replace(found, baseline=None)
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(EvenhandError, match="Run the same command again"):
        read_reference(tmp_path)


def test_certain_labels_give_the_plain_figures_and_doubted_ones_the_expected() -> None:
    labels, called = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    plain = expected_of(called, np.eye(2)[labels], Interval(0.8, 0.7, 0.9))
    assert plain.accuracy == 0.75
    assert plain.recalls == (2 / 3, 1.0)
    assert plain.balanced_accuracy.value == pytest.approx(5 / 6)
    assert plain.balanced_accuracy.high == pytest.approx(0.9 + 5 / 6 - 0.8)
    # The third image truly is of the class that the network calls it.
    doubted = np.eye(2)[labels]
    doubted[2] = [0.0, 1.0]
    found = expected_of(called, doubted, Interval(0.8, 0.7, 1.0))
    assert (found.accuracy, found.recalls, found.macro_f1) == (1.0, (1.0, 1.0), 1.0)
    assert found.balanced_accuracy == Interval(1.0, pytest.approx(0.9), 1.0)
    assert expected_of(called, np.eye(3)[labels], Interval(0.8, 0.7, 0.9)).recalls[2] is None


def test_a_long_curve_keeps_its_extremes_and_a_broken_one_its_beginning() -> None:
    losses = np.linspace(2.0, 1.0, 5000)
    losses[1234] = 9.0
    short = drawn_together(Curve(tuple(losses.tolist()), (1.5, 1.2)))
    assert len(short.step_loss) == 2 * MOST_STEPS
    assert (max(short.step_loss), min(short.step_loss)) == (9.0, 1.0)
    assert short.epoch_loss == (1.5, 1.2)
    broken = drawn_together(Curve((1.0, 2.0, float("nan"), 1.0), (float("inf"),)))
    assert broken == Curve((1.0, 2.0), (), ())
