from dataclasses import replace

from evenhand.records.values import Interval
from evenhand.reporting.tune_view import conclusion, headline, tune_view
from tune_study import tuning


def test_a_run_without_a_search_has_no_section() -> None:
    assert tune_view(None) is None


def test_the_best_stands_beside_what_it_should_beat() -> None:
    view = tune_view(tuning())
    assert view is not None
    best, default, recipe = view.fresh
    assert (best.figure, best.gap, best.verdict) == ("83.0\u00a0%", "", "")
    assert (default.name, default.figure, default.gap) == ("The default: balanced-softmax", "79.0\u00a0%", "+4.0")
    assert (default.gap_reach, default.chance, default.verdict) == ("+2.0 to +6.0", "0.010", "best is better")
    assert recipe.name == "The recipe standard with sampler"
    assert view.rivals == ("Default", "Recipe standard")
    settings = {name: (value, others) for name, value, others in view.settings}
    assert settings["epochs"] == ("10", ("10", "10"))
    assert settings["augmentation: crop"][1] == ("4", "4")


def test_every_trial_is_in_the_table_and_every_part_of_a_slice_is_counted() -> None:
    made = tuning(40)
    view = tune_view(made)
    assert view is not None
    assert len(view.trials) == 40
    assert all(len(row) == 4 + len(view.columns) for row in view.trials)
    figures = [float(row[1].split("\u00a0")[0]) for row in view.trials]
    assert figures == sorted(figures, reverse=True)
    for one in view.slices:
        own = [trial for trial in made.trials if _name(made, one.name) in trial.point]
        assert sum(part.trials for part in one.parts) == len(own)
    assert {"learning rate, times the usual", "remedy", "sampler, q"} <= {one.name for one in view.slices}
    assert float(view.leaders[-1][1].split("\u00a0")[0]) == round(100 * made.best.searched, 2)


def _name(made: object, label: str) -> str:
    return next(one.name for one in made.settings if one.label == label)  # type: ignore[attr-defined]


def test_what_is_the_same_has_no_difference() -> None:
    made = tuning(verdict="same")
    view = tune_view(made)
    assert view is not None
    assert (view.fresh[1].gap, view.fresh[1].chance, view.fresh[1].verdict) == ("", "", "the same")
    assert headline(made) == "None of 40 trials did better than the default."
    assert headline(tuning()) == "Better settings than the default were found in 40 trials."
    assert headline(tuning(verdict="tied")) == "The default settings were not beaten by 40 trials."


def test_the_page_writes_a_real_minus_and_unbreakable_spaces() -> None:
    first = conclusion(tuning(verdict="tied", value=0.01))[0]
    assert "95\u00a0% interval −1.0 to +3.0" in first


def test_hardly_any_trials_and_one_training_a_fold_can_be_shown() -> None:
    made = replace(tuning(2), mattered=(), expected=False)
    made = replace(made, best=replace(made.best, seeds=1, rivals=(
        replace(made.best.rivals[0], difference=Interval(0.1, -1.0, 1.0), p=0.0001),
    )))  # fmt: skip
    view = tune_view(made)
    assert view is not None
    assert view.shares == ()
    assert view.figure == "balanced accuracy"
    assert "held out once; labels are as given" in view.fresh_words
    assert view.fresh[1].chance == "under 0.001"
