"""The few numbers at the top."""

from dataclasses import replace
from types import ModuleType

import numpy as np

from evenhand.evaluation.intervals import wilson
from evenhand.reporting.overview import MOST_RECALLS, overview
from evenhand.reporting.words import percent, span


def test_final_model_candidate_and_plain_training_stand_on_one_axis(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = overview(data)
    assert [row.label.striptags() for row in found.models] == [
        "Final model",
        "sampler with suspects left out",
        "Plain training",
    ]
    assert [row.detail for row in found.models] == ["100 test images", "out of fold, simple", "out of fold, simple"]
    assert found.models[1].reach == span(data.chosen.low, data.chosen.high)
    assert found.guessing == 1 / 3


def test_recalls_carry_wilson_intervals(made_up: ModuleType) -> None:
    data = made_up.report_data()
    confusion = np.array(data.test.evaluation.confusion)
    low, high = wilson(confusion.diagonal(), confusion.sum(axis=1))
    found = overview(data).recalls
    assert [row.value for row in found] == [percent(row.recall) for row in data.test.evaluation.per_class]
    assert [row.reach for row in found] == [span(float(a), float(b), 0) for a, b in zip(low, high, strict=True)]


def test_of_many_classes_the_worst_are_shown_and_those_without_images_never(made_up: ModuleType) -> None:
    data = made_up.report_data(
        classes=[f"c{n}" for n in range(12)], train=[20] * 12, test=[0, *[6] * 11], remedies=made_up.REMEDIES[:2]
    )
    found = overview(data)
    recalls = [row.recall for row in data.test.evaluation.per_class if row.support]
    assert [row.value for row in found.recalls] == [percent(value) for value in sorted(recalls)[:MOST_RECALLS]]
    assert found.recalls_left_out == 12 - MOST_RECALLS
    assert found.guessing == 1 / 11


def test_plain_training_as_the_choice_stands_there_once(made_up: ModuleType) -> None:
    data = made_up.report_data()
    plain = replace(data, choice=replace(data.choice, remedy="none", repair="none"))
    assert [row.label.striptags() for row in overview(plain).models] == ["Final model", "Plain training"]


def test_without_a_test_set_the_whole_procedure_is_the_headline(made_up: ModuleType) -> None:
    data = made_up.report_data(test=(0, 0, 0))
    assert overview(data).models[0].label == "Whole procedure"
    assert overview(data).models[0].detail == "nested out of fold"


def test_tiles_count_what_the_audit_found(made_up: ModuleType) -> None:
    assert [(tile.value, tile.target) for tile in overview(made_up.report_data()).tiles] == [
        ("≈ 41", "labels"),
        ("42", "labels"),
        ("14 : 1", "data"),
        ("2", "data"),
        ("12", "data"),
    ]
    alone = overview(made_up.audit_only(audit=made_up.audit(made_up.manifest(("a", "b"), (9, 9), (1, 1)), None)))
    assert [tile.target for tile in alone.tiles] == ["data"] * 3
    assert alone.models == alone.recalls == ()
