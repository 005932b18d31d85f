"""The comparison and the final model as the page shows them."""

from dataclasses import replace
from types import ModuleType

from evenhand.records.comparison import Curve
from evenhand.reporting.results_view import MOST_EPOCHS, MOST_ROWS, describe, final, leaderboard, rivals


def test_rows_are_in_order_and_choice_and_ties_are_marked(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = leaderboard(data, 4, 1)
    assert [row.result for row in found.rows] == list(data.results)
    assert [(row.chosen, row.tied) for row in found.rows] == [
        (True, False),
        (False, True),
        (False, False),
        (False, False),
    ]


def test_the_chosen_candidate_shows_more_pictures_than_the_others(made_up: ModuleType) -> None:
    first, second, *_ = leaderboard(made_up.report_data(), 4, 1).rows
    assert max(len(found.rows) for found in first.evaluation.pictures.values()) == 4
    assert max(len(found.rows) for found in second.evaluation.pictures.values()) == 1


def test_every_row_says_what_its_remedy_and_its_repair_do(made_up: ModuleType) -> None:
    data = made_up.report_data()
    assert describe(data.chosen).startswith("Draws every class equally often")
    assert describe(data.chosen).endswith("Images with suspect labels are left out of training.")
    joined = describe(replace(data.chosen, remedy="smote+augment", repair="none"))
    assert joined.count(".") == 2


def test_long_trainings_are_tabled_at_even_steps_with_the_last_epoch(made_up: ModuleType) -> None:
    data = made_up.report_data()
    long = replace(data.results[0], curve=Curve((1.0,), tuple(1 / n for n in range(1, 500))))
    (row,) = leaderboard(replace(data, results=(long,)), 0, 0).rows
    assert len(row.losses) <= MOST_EPOCHS + 1
    assert row.losses[0].epoch == 1
    assert row.losses[-1].epoch == 499
    assert row.losses[0].validation == ""


def test_of_many_classes_those_that_the_remedy_changed_most_are_charted(made_up: ModuleType) -> None:
    k = MOST_ROWS + 5
    data = made_up.report_data(
        [f"c{n}" for n in range(k)], [40, *[4] * (k - 1)], [1] * k, remedies=made_up.REMEDIES[:1]
    )
    (row,) = leaderboard(data, 0, 0).rows
    assert len(row.trained) == MOST_ROWS
    assert row.trained[0].label == "c0"
    assert row.trained_total == sum(data.results[0].trained_counts)


def test_who_stopped_early_is_not_said_to_be_worse(made_up: ModuleType) -> None:
    data = made_up.report_data()
    *others, last = data.results
    told = rivals(replace(data, results=(*others, replace(last, by_fold=last.by_fold[:2], planned=4, stopped="weak"))))
    assert [row.verdict for row in told.rows] == ["tied", "worse", "stopped early"]
    assert told.stopped
    assert not rivals(data).stopped


def test_rivals_are_all_but_the_choice(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = rivals(data)
    assert [row.verdict for row in found.rows] == ["tied", "worse", "worse"]
    assert all(row.value.startswith("+") and " to " in row.reach for row in found.rows)
    assert [row.reach for row in rivals(replace(data, folds=0)).rows] == ["–"] * 3
    assert rivals(made_up.audit_only()).rows == ()


def test_the_final_model_is_judged_on_the_test_images(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = final(data, 3)
    assert found.given.evaluation is data.test.evaluation
    assert found.given.rows <= set(data.test.indices.tolist())
    assert found.corrected is None
    again = final(replace(data, test=replace(data.test, corrected=data.test.evaluation)), 3)
    assert again.corrected.key == "corrected"


def test_without_a_test_set_pictures_are_shown_only_where_every_fold_chose_the_same(made_up: ModuleType) -> None:
    data = made_up.report_data(test=(0, 0, 0))
    assert final(data, 3).given.pictures
    mixed = replace(data, nested=data.results[1].evaluation)
    assert final(mixed, 3).given.pictures == {}
    assert final(made_up.audit_only(), 3) is None
