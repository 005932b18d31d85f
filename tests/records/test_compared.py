import json

from evenhand.records.compared import COLUMNS, Calibrated, Compared, OnTrueLabels, Versus
from evenhand.records.values import Interval

FULL = Compared(
    Calibrated(1.5, Interval(0.3, 0.2, 0.4), Interval(0.02, 0.01, 0.05)),
    OnTrueLabels(
        Interval(0.9, 0.8, 1.0), Interval(0.7, 0.6, 0.8), (Interval(0.5, 0.4, 0.6), Interval(1 / 3, 0.0, 1.0))
    ),
    Versus("none", "simple", 0.2, 0.1, 0.3, 0.001, 0.004, 0.0002, True),
    Versus("sampler (resnet)", "resnet", -1 / 3, -0.5, 0.1, 0.2, 0.8, 0.9, images=9000),
)


def test_it_reads_back_from_json() -> None:
    for one in (FULL, Compared()):
        assert Compared.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_a_row_has_every_column_and_nothing_where_nothing_is_known() -> None:
    assert tuple(FULL.cells()) == tuple(Compared().cells()) == COLUMNS
    assert set(Compared().cells().values()) == {None}
    cells = FULL.cells()
    assert (cells["vs_best"], cells["vs_best_p_holm"], cells["vs_best_p_range"]) == (-0.333333, 0.8, 0.9)
    assert (cells["vs_plain_model"], cells["vs_plain_low"], cells["tied"]) == ("simple", 0.1, True)
    assert (cells["temperature"], cells["ece_scaled"], cells["expected_macro_f1"]) == (1.5, 0.02, 0.7)


def test_who_was_stopped_is_neither_tied_nor_told_apart() -> None:
    assert Compared(vs_best=Versus("a", "simple", -0.1, stopped=True)).cells()["tied"] is None
    assert Compared(vs_best=Versus("a", "simple", -0.1, apart=True)).cells()["tied"] is False


def test_recalls_are_named_by_their_classes() -> None:
    assert FULL.recall_of(("a", "b")) == {"a": 0.5, "b": 1 / 3}
    assert Compared().recall_of(("a", "b")) is None
