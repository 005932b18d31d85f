"""The section on what repair is worth, in words."""

from dataclasses import replace
from types import ModuleType

import pytest
from markupsafe import Markup

from evenhand.records.audit import Decided
from evenhand.records.comparison import Judged
from evenhand.records.values import Interval
from evenhand.reporting.content import ReportData, Reviewed
from evenhand.reporting.report import render
from evenhand.reporting.worth import Worth, worth


def told(data: ReportData) -> Worth:
    found = worth(data)
    assert found is not None
    return found


def plain(lines: tuple[Markup, ...]) -> list[str]:
    return [line.striptags().replace("\xa0", " ") for line in lines]


def judged(made_up: ModuleType, *differences: float, **changes: object) -> ReportData:
    """Return a run whose sampler gains so much in each training by leaving suspects out."""
    before = [0.70, 0.72, 0.68, 0.70][: len(differences)]
    after = [value + gain for value, gain in zip(before, differences, strict=True)]
    rows = tuple(
        Judged("sampler", repair, "simple", Interval(sum(values) / len(values), 0, 1), tuple(values))
        for repair, values in (("none", before), ("drop", after))
    )
    return made_up.report_data(judged=rows, **changes)  # type: ignore[no-any-return]


def test_estimated_found_and_settled(made_up: ModuleType) -> None:
    def tallies(data: ReportData) -> list[tuple[str, str]]:
        return [(one.value, one.words.replace("\xa0", " ")) for one in told(data).tallies]

    data = made_up.report_data()
    assert tallies(data) == [
        ("≈ 41", "estimated to be wrong; 95 % interval 37 to 45"),
        ("42", "found: named as suspects"),
        ("0", "settled: nobody has decided on any yet"),
    ]
    edited = replace(data, decided=Decided(changed=5, kept=4, excluded=2))
    assert tallies(edited)[0] == ("≈ 41", "estimated to be wrong still; 95 % interval 37 to 45")
    assert tallies(edited)[2] == ("11", "settled: 5 changed, 4 kept, 2 excluded")
    since = replace(data, reviewed=Reviewed(Decided(changed=1, kept=0, excluded=0), 1, 1))
    assert tallies(since)[2] == ("1", "settled, after this run: 1 changed, 0 kept, 0 excluded")
    nothing = replace(data, reviewed=Reviewed(Decided(0, 0, 0), 0, 0))
    assert tallies(nothing) == tallies(data)
    assert not told(nothing).reviewed


def test_a_review_since_tells_how_many_suspects_were_wrong(made_up: ModuleType) -> None:
    (words,) = plain((told(made_up.edited()).reviewed,))
    assert words == (
        "Since this run, people have settled 12 of its training images: 9 changed, 2 kept, 1 excluded. It was made "
        "without these decisions; give them to the next one with --edits RUN/edits.jsonl. Of 10 suspects looked at, 9 "
        "had a wrong label: 90 % (95 % interval 60 to 98 %)."
    )


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ((0.05, 0.06, 0.04, 0.05), "Leaving suspects out is worth +5.0 points to sampler, the chosen remedy (95 % int"),
        ((-0.05, -0.06, -0.04, -0.05), "Leaving suspects out does harm to sampler, the chosen remedy: −5.0 points"),
        (
            (0.05, -0.06, 0.04, -0.01),
            "It cannot be told whether leaving suspects out helps sampler, the chosen remedy: ",
        ),
        (
            (0.05,),
            "Leaving suspects out adds +5.0 points to sampler, the chosen remedy; a single training gives no int",
        ),
    ],
)
def test_the_headline_says_what_the_interval_allows(
    made_up: ModuleType, differences: tuple[float, ...], words: str
) -> None:
    (line,) = plain(told(judged(made_up, *differences)).headline)
    assert line.startswith(words)
    assert line.endswith("with it, balanced accuracy with the network simple.")


def test_the_remedies_on_average_have_a_line_of_their_own(made_up: ModuleType) -> None:
    found = told(made_up.edited())
    lines = plain(found.headline)
    assert "sampler, the chosen remedy" in lines[0]
    assert "expected balanced accuracy with the network simple" in lines[0]
    assert "two remedies on average" in lines[1]
    assert lines[2] == "Both sides go by the edits. A run without --edits beside this one shows what those are worth."
    assert [(row.name.striptags(), row.detail, row.kind) for row in found.gains] == [
        ("sampler", "suspects left out, simple", "chosen"),
        ("Plain training", "suspects left out, simple", ""),
        ("Mean of two remedies", "suspects left out, simple", "pooled"),
        ("Plain training", "suspects relabelled, simple", ""),
    ]
    for row in found.gains:
        assert 'role="img" aria-label="' in row.chart
        assert row.value in row.chart


def test_a_repair_that_found_nothing_to_do_says_so_in_a_line(made_up: ModuleType) -> None:
    rows = tuple(
        Judged("sampler", repair, "simple", Interval(0.7, 0.6, 0.8), (0.7, 0.71, 0.69, 0.7), (key,))
        for repair, key in (("none", "same"), ("drop", "same"), ("soft", "same"), ("relabel", "another"))
    )
    data = made_up.report_data(judged=rows)
    trusting = replace(data.reproduce, settings=data.reproduce.settings | {"trust": 0.95})
    found = told(replace(data, reproduce=trusting))
    assert plain(found.headline)[-1] == (
        "Leaving suspects out and softening the labels of suspects changed nothing: no label was suspicious enough for "
        "it, with the trust of 0.95."
    )
    assert [row.detail for row in found.gains] == ["suspects relabelled, simple"]


def test_the_chosen_remedy_without_its_network_falls_back_on_the_one_that_was_compared(made_up: ModuleType) -> None:
    data = judged(made_up, 0.05, 0.06, 0.04, 0.05)
    larger = replace(data, choice=replace(data.choice, model="resnet"))
    assert "sampler, the chosen remedy" in plain(told(larger).headline)[0]
    assert [row.kind for row in told(larger).gains] == [""]
    assert [row.kind for row in told(data).gains] == ["chosen"]


@pytest.mark.parametrize(
    ("remedies", "words"),
    [
        (
            (("none", "none", 0.7),),
            "Nothing was judged with a repair, so what one is worth was not measured: evenhand co",
        ),
        ((("none", "relabel", 0.7),), "Nothing was judged once with suspects relabelled and once without in the same "),
    ],
)
def test_what_was_not_judged_is_said_to_be_so(made_up: ModuleType, remedies: object, words: str) -> None:
    found = told(made_up.report_data(remedies=remedies))
    assert plain(found.headline)[0].startswith(words)
    assert found.gains == ()


def test_after_an_audit_alone_nothing_was_compared(made_up: ModuleType) -> None:
    assert plain(told(made_up.audit_only()).headline) == [
        "No remedy was compared, so what a repair is worth was not measured."
    ]


def test_the_test_stands_there_on_given_and_on_corrected_labels(made_up: ModuleType) -> None:
    data = made_up.edited()
    found = told(data)
    assert found.tested == (
        "Test labels are never repaired. The edits change three labels of 100 test images; the final model is judged "
        "on both."
    )
    figures = [f"{100 * one.balanced_accuracy.value:.1f}" for one in (data.test.evaluation, data.test.corrected)]
    assert [(row.label, row.value.split("\xa0")[0]) for row in found.tests] == [
        ("Labels as given", figures[0]),
        ("Corrected labels", figures[1]),
    ]
    assert figures[0] != figures[1]
    assert told(made_up.report_data()).tests == ()


def test_without_a_check_and_without_decisions_there_is_no_section(made_up: ModuleType) -> None:
    data = made_up.report_data()
    unchecked = replace(data, audit=replace(data.audit, wrong_labels=None, issues=(), pairs=()))
    assert worth(unchecked) is None
    page = made_up.read_page(render(unchecked))
    assert not page.all("section", id="worth")
    assert not page.all("a", href="#worth")
    decided = told(replace(unchecked, decided=Decided(1, 0, 0)))
    assert [one.value for one in decided.tallies] == ["1"]
    assert decided.truth is None


def test_the_page_tells_all_of_it(made_up: ModuleType) -> None:
    (section,) = made_up.read_page(render(made_up.edited())).all("section", id="worth")
    heads = [node.text for node in section if node.tag in ("h2", "h3")]
    assert heads == ["What repair is worth", "True classes and labels", "Before and after", "On the test images"]
    assert [node.text for node in section.all("dfn")][:3] == ["Estimated", "Found", "Settled"]
    (table,) = section.of_class("truth")
    cells = [node.text for node in table.all("td") if "wrong" in node.attributes.get("class", "")]
    assert any(" to " in text for text in cells)
    assert "where people decided, by their decision" in section.text
    assert len(section.of_class("gains")[0].all("tbody")[0].all("tr")) == 4
