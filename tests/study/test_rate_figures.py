import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenhand.errors import EvenhandError
from evenhand.study.rate_figures import (
    BINS,
    Finder,
    RateRow,
    RateStudy,
    course,
    number,
    read_rates,
    write_rates,
)
from evenhand.study.rate_verdict import judge

LOSSES = np.exp(-np.arange(1000) / 100) + 0.1
BROKEN = np.where(np.arange(1000) < 400, np.linspace(1, 50, 1000), np.nan)


def row(rate: float, losses: np.ndarray) -> RateRow:
    epochs = [float(part.mean()) for part in np.split(losses, 10)]
    return RateRow(
        rate=rate,
        verdict=judge(losses, untrained=1.1, chance=0.9),
        courses=(course(0, losses, epochs, epochs), course(1, losses, epochs, epochs[:-1])),
        final_loss=number(epochs[-1]),
        validation_loss=number(epochs[-1]),
        tied=rate < 1,
    )


def made() -> RateStudy:
    return RateStudy(
        rows=(row(0.01, LOSSES), row(1.0, BROKEN)),
        model="simple",
        remedy="none",
        optimiser="sgd",
        schedule="constant",
        batch=4,
        epochs=10,
        seeds=2,
        images=400,
        held=100,
        source="fold",
        untrained=1.1,
        chance=0.9,
        best=0.01,
        suggested=0.01,
        finder=Finder(0.02, None, None, (0.02, None), 2, (((1e-3, 1.0), (1e-2, None)),)),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folder = write_rates(tmp_path, made())
    assert folder == tmp_path / "learning_rate"
    assert read_rates(tmp_path) == made()
    assert read_rates(tmp_path / "elsewhere") is None
    without = replace(made(), finder=None)
    write_rates(tmp_path, without)
    assert read_rates(tmp_path) == without


def test_the_tables_are_plain(tmp_path: Path) -> None:
    folder = write_rates(tmp_path, made())
    with (folder / "rates.csv").open(encoding="utf-8") as file:
        rates = list(csv.DictReader(file))
    assert [(one["rate"], one["verdict"], one["step"], one["tied"]) for one in rates] == [
        ("0.01", "converges", "", "true"),
        ("1", "diverges", "401", "false"),
    ]
    assert rates[1]["final_loss"] == ""
    with (folder / "epochs.csv").open(encoding="utf-8") as file:
        epochs = list(csv.DictReader(file))
    assert len(epochs) == 2 * 2 * 10
    assert float(epochs[0]["training"]) == pytest.approx(LOSSES[:100].mean(), rel=1e-5)
    assert epochs[19]["validation"] == ""  # the second training lacks its last
    assert (folder / "range_test.csv").read_text(encoding="utf-8") == "seed,rate,validation\n0,0.001,1\n0,0.01,\n"
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8"))["suggested"] == 0.01


def test_steps_are_drawn_together_and_end_where_numbers_end() -> None:
    found = course(3, LOSSES, [1.0], [float("inf")])
    assert (found.seed, len(found.steps), found.validation) == (3, BINS, (None,))
    low, mean, high = found.steps[0]
    assert (low, high) == (LOSSES[4], LOSSES[0])
    assert mean == pytest.approx(LOSSES[:5].mean())
    broken = course(0, BROKEN, [1.0], [1.0]).steps
    assert broken[79] != (None, None, None)
    assert set(broken[80:]) == {(None, None, None)}
    # What comes after the first step that is no number is not shown, even where it is one again.
    again = np.where(np.arange(1000) == 400, np.nan, LOSSES)
    assert set(course(0, again, [1.0], [1.0]).steps[80:]) == {(None, None, None)}
    assert len(course(0, LOSSES[:7], [1.0], [1.0]).steps) == 7


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = write_rates(tmp_path, made())
    (folder / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EvenhandError, match=r"summary\.json cannot be read .* Run the same command again"):
        read_rates(tmp_path)
