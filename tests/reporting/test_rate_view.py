from dataclasses import replace
from types import ModuleType

import numpy as np

import rate_study
from evenhand.reporting.rate_view import MOST_PANELS, headline, method, rate_view
from evenhand.reporting.report import render


def test_each_rate_has_a_picture_a_row_and_a_reason() -> None:
    shown = rate_view(rate_study.study())
    assert shown is not None
    assert [panel.rate for panel in shown.panels] == ["1e-10", "0.0001", "0.003", "0.03", "0.1", "10"]
    assert [panel.kind for panel in shown.rows] == [
        "too_small",
        "slow",
        "converges",
        "unstable",
        "diverges",
        "diverges",
    ]
    assert [panel.marks for panel in shown.rows] == [(), (), ("suggested",), (), (), ()]
    assert shown.rows[-1].beyond == "no number from step 13 on"
    assert shown.rows[-2].beyond.startswith("rises to 1")
    assert all(panel.explanation for panel in shown.rows)
    assert shown.against
    assert not shown.tests
    assert rate_view(None) is None


def test_many_rates_are_thinned_out_in_the_picture_and_kept_in_the_table() -> None:
    study = rate_study.study()
    rows = tuple(replace(study.rows[2], rate=float(rate)) for rate in np.geomspace(1e-5, 1, 100))
    shown = rate_view(replace(study, rows=rows))
    assert shown is not None
    assert len(shown.rows) == 100
    assert len(shown.panels) == MOST_PANELS
    assert (shown.panels[0], shown.panels[-1]) == (shown.rows[0], shown.rows[-1])


def test_the_headline_says_what_the_rates_did() -> None:
    assert headline(rate_study.study((1e-10, 0.1))) == "Learning rates: 1e-10 is too small and 0.1 diverges."
    assert (
        headline(rate_study.study((1e-10, 0.1, 10.0))) == "Learning rates: 1e-10 is too small and 0.1 and 10 diverge."
    )
    many = headline(rate_study.study())
    assert many == "Of 6 learning rates one is too small, one is slow, one converges, one is unstable and two diverge."


def test_the_method_says_what_was_trained_on_what() -> None:
    study = rate_study.study()
    told = method(study)
    assert "the network simple was trained once with SGD, 4 images a step, for 10 epochs on 400 images" in told
    assert "judged on 100 images held out. The rate stays the same all along." in told
    other = method(replace(study, seeds=3, schedule="one-cycle", source="val", remedy="sampler"))
    for part in ("three times", "the remedy sampler", "the 100 images of the validation split", "its largest"):
        assert part in other


def test_the_page_has_the_section_and_says_what_to_do_with_it(made_up: ModuleType) -> None:
    data = made_up.audit_only(rates=rate_study.study(finder=rate_study.finder()))
    page = made_up.read_page(render(data))
    (section,) = page.all("section", id="rates")
    assert len(section.of_class("rate")) == 6
    assert len(section.all("svg", role="img")) == 6 + 2
    for chart in section.all("svg", role="img"):
        assert chart.attributes["aria-label"]
    assert "3 range tests" in section.text
    assert "learning rate" in section.text.lower()
    (title,) = page.all("h1")
    assert title.text.startswith("Of 6 learning rates")
    assert "--set learning_rate=0.003" in page.text
    without = made_up.read_page(render(made_up.audit_only()))
    assert not without.all("section", id="rates")
    assert ".panels" not in render(made_up.audit_only()).decode()
