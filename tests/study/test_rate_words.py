from dataclasses import replace
from string import Formatter

import pytest

import rate_study
from evenhand.study.rate_figures import RateRow
from evenhand.study.rate_words import REASONS, explain, finder_words, loss_words, rate_words, summary


def said(rate: float, **changes: object) -> str:
    row = rate_study.row(rate)
    return explain(replace(row, verdict=replace(row.verdict, **changes)), rate_study.study())  # type: ignore[arg-type]


def test_each_verdict_is_explained_with_its_own_numbers() -> None:
    row = rate_study.row(1e-10)
    assert row.verdict.kind == "too_small"
    assert f"{row.verdict.start:.3f} before it and {row.verdict.final:.3f} at its end" in said(1e-10)
    assert "(0.0" in said(1e-10)
    assert "Take larger steps" in said(1e-10)
    slow = rate_study.row(1e-4)
    assert slow.verdict.kind == "slow"
    assert f"from 1.100 to {slow.verdict.final:.3f}" in said(1e-4)
    assert "% of its way is done" in said(1e-4)
    assert "where it has settled" in said(0.003)
    unstable = rate_study.row(0.03).verdict
    assert unstable.kind == "unstable"
    assert f"at step {unstable.step}" in said(0.03)
    grows = rate_study.row(0.1).verdict
    assert (grows.kind, grows.reason) == ("diverges", "grows")
    assert f"From step {grows.step} on the loss is above its start (1.100)" in said(0.1)
    assert "At step 13 the loss is no number any more; the highest loss before was" in said(10.0)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_can_be_said(reason: str) -> None:
    row = rate_study.row(0.03)
    told = explain(replace(row, verdict=replace(row.verdict, reason=reason, trainings=3)), rate_study.study())
    assert "{" not in told
    assert "None" not in told
    fields = {name for _, name, _, _ in Formatter().parse(REASONS[reason]) if name}
    assert fields, "an explanation names the numbers of its run"


def test_trainings_that_disagree_are_said_to() -> None:
    assert said(0.003, trainings=3, alike=3).endswith("All 3 trainings agree.")
    assert "So in 2 of 3 trainings" in said(0.003, trainings=3, alike=2)
    assert "In 1 of 3 trainings the loss diverged" in said(10.0, reason="sometimes", trainings=3, alike=1)


def test_learning_by_heart_is_told_from_the_loss_on_other_images() -> None:
    row = rate_study.row(0.003)

    def curve(*losses: float | None) -> RateRow:
        return replace(row, courses=(replace(row.courses[0], validation=losses),))

    study = rate_study.study()
    told = explain(curve(0.9, 0.4, 0.6, 0.9), study)
    assert "lowest after epoch 2 (0.400) and 0.900 at the end" in told
    for calm in (curve(0.9, 0.5, 0.4), curve(0.9, 0.40, 0.41), curve(0.9, None, 0.4, 0.9), curve(0.9, 0.4)):
        assert "by heart" not in explain(calm, study)


def test_numbers_are_written_as_people_do() -> None:
    assert [rate_words(rate) for rate in (1e-10, 0.1, 0.0020004, 1000.0)] == ["1e-10", "0.1", "0.002", "1000"]
    assert [loss_words(loss) for loss in (None, 1.0986, 123.456, 4567.8, 1.5e30)] == [
        "no number",
        "1.099",
        "123.5",
        "4,568",
        "1.50e30",
    ]


def test_the_summary_names_the_suggestion_and_what_is_tied() -> None:
    study = rate_study.study()
    assert summary(study).startswith("Suggested learning rate: 0.003, with a loss of 0.")
    tied = replace(study, rows=tuple(replace(row, tied=row.rate in (1e-4, 0.003)) for row in study.rows))
    assert "0.0001 cannot be told apart from the best" in summary(tied)
    assert summary(rate_study.study((1e-10, 10.0))) == (
        "None of these rates trains the network: none converges, and none does so slowly."
    )


def test_range_tests_say_how_sure_they_are_and_whether_the_grid_agrees() -> None:
    found = rate_study.finder()
    study = rate_study.study(finder=found)
    first, second = finder_words(found, study)
    assert first == (
        "3 range tests of 11 short trainings of 2 epochs each at 1e-05 to 1, judged by the loss on images held out, "
        "suggest 0.003 (95 % interval 0.0015 to 0.006)."
    )
    assert second.endswith("the best on images held out is 0.003: the suggestion itself.")
    other = rate_study.finder(1e-4)
    assert "a factor of 30 from the suggestion, and better than it beyond chance" in finder_words(other, study)[1]
    tied = replace(study, rows=tuple(replace(row, tied=True) for row in study.rows))
    assert finder_words(other, tied)[1].endswith(
        "a factor of 30 from the suggestion, and cannot be told apart from it."
    )
    nothing = rate_study.finder(None)
    assert finder_words(nothing, study)[0].endswith("so nothing is suggested.")
    alone = replace(found, each=(0.003,), low=None, high=None)
    assert "1 range test of" in finder_words(alone, study)[0]
    assert "suggests 0.003 (one test has no interval)" in finder_words(alone, study)[0]
