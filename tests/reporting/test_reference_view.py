from dataclasses import replace

import reference_study as made_up
from evenhand.reporting import reference_view as views
from evenhand.study.published import published

THEIRS = published()


def test_published_and_measured_stand_in_one_chart() -> None:
    chart = views.accuracies(made_up.study(), THEIRS)
    assert [row.label for row in chart.rows][:2] == ["the baseline", "original data"]
    assert chart.rows[3].detail.startswith("published 75.8")
    assert all('class="mark"' in row.chart for row in chart.rows)
    assert len(views.accuracies(replace(made_up.study(), baseline=None), THEIRS).rows) == 6
    true = views.balanced(made_up.study())
    assert len(true.rows) == 7
    assert true.rows[1].detail.startswith("on the labels as given")


def test_each_experiment_has_its_figures_its_curve_and_its_counts() -> None:
    found = views.experiments(made_up.study(off=-0.2), made_up.audit(), THEIRS)
    assert [one.name for one in found][-2:] == ["SMOTE", "SMOTE, 20 epochs"]
    sampler = found[2]
    assert (sampler.far, sampler.difference) == (True, "−20.0")
    assert not found[0].far
    assert sampler.row
    assert (sampler.row.pairs[0].published, sampler.row.pairs[0].measured) == ("5,625", "5,625")
    assert "<bdi>Trucks</bdi>" in [str(one.name) for one in sampler.row.classes]
    assert len(sampler.losses) == 10
    assert [row.trained for row in sampler.trained] == list(made_up.TRAINING)
    assert found[-1].row is None


def test_given_and_corrected_figures_stand_side_by_side() -> None:
    table = views.undone(made_up.study())
    assert not table.ledger
    assert [row.repaired for row in table.rows[:3]] == [False, True, False]
    assert table.rows[0].accuracy.startswith("89.9")
    assert table.rows[0].expected != table.rows[0].balanced
    assert {row.ledger for row in table.rows} == {"–"}
    found = made_up.study()
    own = replace(found.final, ledger=found.experiments[0].given)
    corrected = views.undone(replace(found, final=own))
    assert corrected.ledger
    assert sum(row.ledger != "–" for row in corrected.rows) == 1


def test_the_checkpoint_is_shown_where_there_is_one() -> None:
    found = views.baseline(made_up.study(), made_up.audit(), THEIRS)
    assert found
    assert [pair.published for pair in found.rows[0].pairs] == [".882", "1.000", ".937"]
    assert [name for name, _ in found.recalls] == list(made_up.CLASSES)
    assert views.baseline(replace(made_up.study(), baseline=None), made_up.audit(), THEIRS) is None
