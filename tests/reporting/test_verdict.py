"""The verdict's sentences: what is known is said with its interval, what is not known is said to be so."""

from dataclasses import replace
from types import ModuleType

import pytest

from evenhand.records.compared import Compared, Versus
from evenhand.records.values import Interval
from evenhand.reporting.content import FinalModel, ReportData
from evenhand.reporting.verdict import (
    figure_sentences,
    headline,
    model_sentence,
    next_steps,
    remedy_sentences,
    summary,
    verdict,
    weak_classes,
    weak_sentences,
)


def text(sentence: object) -> str:
    return sentence.striptags().replace("\u00a0", " ")  # type: ignore[attr-defined, no-any-return]


def texts(sentences: list) -> list[str]:
    return [text(sentence) for sentence in sentences]


@pytest.fixture(scope="module")
def data(made_up: ModuleType) -> ReportData:
    return made_up.report_data()  # type: ignore[no-any-return]


def test_the_headline_names_wrong_labels_and_lopsided_classes(data: ReportData) -> None:
    assert text(headline(data)) == (
        "About one in 12 training labels is wrong, and Cars has 14 times as many images as Cats."
    )


def test_the_headline_says_perhaps_where_the_estimate_is_vague(data: ReportData) -> None:
    vague = replace(data.audit, wrong_labels=Interval(25, 11, 238))
    assert text(headline(replace(data, audit=vague))).startswith("Perhaps one in 20 training labels is wrong, and")
    most = replace(data.audit, wrong_labels=Interval(300, 290, 310))
    assert text(headline(replace(data, audit=most))).startswith("More than half of all training labels are wrong, and")


def test_the_headline_of_sound_data(made_up: ModuleType) -> None:
    listing = made_up.manifest(("a", "b"), (40, 40), (5, 5))
    sound = replace(made_up.audit(listing, 0.3), wrong_labels=Interval(0.3, 0.0, 2.0))
    assert text(headline(made_up.audit_only(audit=sound))) == "No serious fault was found in these data."


@pytest.mark.parametrize("wrong", [None, Interval(3, 0, 40)])
def test_sound_looking_data_whose_labels_are_not_known_are_not_called_sound(
    made_up: ModuleType, wrong: Interval | None
) -> None:
    listing = made_up.manifest(("a", "b"), (40, 40), (5, 5))
    unknown = replace(made_up.audit(listing, None), wrong_labels=wrong)
    assert text(headline(made_up.audit_only(audit=unknown))) == (
        "The classes are about equally large; how many labels are wrong is not known."
    )


def test_the_headline_begins_with_a_capital_but_leaves_a_class_name_as_it_is(made_up: ModuleType) -> None:
    listing = made_up.manifest(("cars", "cats"), (90, 10), (5, 5))
    found = headline(made_up.audit_only(audit=made_up.audit(listing, None)))
    assert found == "<bdi>cars</bdi> has 9 times as many images as <bdi>cats</bdi>."


def test_the_summary_gives_the_figure_and_the_gain(data: ReportData) -> None:
    value = data.test.evaluation.balanced_accuracy.value
    gained = data.chosen.evaluation.balanced_accuracy.value - data.plain.evaluation.balanced_accuracy.value
    assert text(summary(data)) == (
        f"Trained with sampler with suspects left out, the model has a balanced accuracy of {value:.1%} on the test "
        f"images. In the comparison it beats plain training by {100 * gained:.1f} points."
    ).replace("%", " %")


def test_the_gain_is_told_with_its_interval_and_ties_are_named(data: ReportData) -> None:
    found = texts(remedy_sentences(data))
    assert found[0].startswith("sampler with suspects left out beats plain training: ")
    assert "points (95 % interval +" in found[0]
    assert found[1] == "One other candidate cannot be told apart from it: balanced-softmax with suspects left out."


def test_figures_expected_on_the_true_labels_are_said_to_be_so(made_up: ModuleType, data: ReportData) -> None:
    found = texts(remedy_sentences(made_up.with_expected(data)))
    value = data.chosen.evaluation.balanced_accuracy.value + 0.05
    assert found[0].startswith(f"sampler with suspects left out beats plain training: {100 * value:.1f} % against ")
    assert "balanced accuracy, out of fold and expected on the true labels; a gain of " in found[0]


def test_what_would_separate_the_ties_is_said_behind_them(data: ReportData) -> None:
    assert data.choice is not None
    needed = "To tell it from balanced-softmax, 2.0 points behind, about 9,000 training images would be needed."
    asked = replace(data, choice=replace(data.choice, needed=needed))
    assert texts(remedy_sentences(asked))[-1] == needed
    plainly = replace(asked, choice=replace(asked.choice, ties=("none",)))
    assert texts(remedy_sentences(plainly))[-1] == needed


@pytest.mark.parametrize(("seeds", "step"), [(4, "train at least four times a fold: --seeds 4"), (None, "")])
def test_more_seeds_are_advised_only_where_they_can_help(data: ReportData, seeds: int | None, step: str) -> None:
    tie = Versus("sampler", "simple", -0.02, -0.05, 0.01, 0.2, 0.4, 0.9, seeds=seeds)
    beside = tuple(Compared(vs_best=tie if data.is_tied(row) else None) for row in data.results)
    audit = replace(data.audit, issues=(), duplicates=(), findings=())
    said = " ".join(texts(next_steps(replace(data, audit=audit, compared=beside))))
    assert step in said
    assert ("--seeds" in said) == bool(step)
    assert "thorough" not in said


def test_a_tie_with_plain_training_is_not_called_a_gain(data: ReportData) -> None:
    tied = replace(data, choice=replace(data.choice, ties=tuple(row.name for row in data.results[1:])))
    found = texts(remedy_sentences(tied))
    assert found[0].startswith("Whether any remedy helps is not known. sampler with suspects left out came out first")
    assert found[1].startswith("Two other candidates cannot be told apart from it either: ")
    assert "beats" not in " ".join(found)
    assert text(summary(tied)).endswith("In the comparison it cannot be told apart from plain training.")


def test_plain_training_as_the_choice(data: ReportData) -> None:
    plain = replace(data, choice=replace(data.choice, remedy="none", repair="none", ties=()))
    assert texts(remedy_sentences(plain)) == [
        "No remedy did better than plain training, so none is used.",
        "Every other candidate is worse by more than chance explains.",
    ]
    assert text(summary(plain)).startswith("Trained plainly, the model has")


def test_candidates_that_stopped_early_are_not_called_worse(data: ReportData) -> None:
    plain = replace(data, choice=replace(data.choice, remedy="none", repair="none", ties=()))

    def told(stopped: int) -> str:
        others = [row for row in data.results if row is not data.plain]
        early = {id(row) for row in others[:stopped]}
        rows = tuple(replace(row, stopped="weak") if id(row) in early else row for row in data.results)
        return texts(remedy_sentences(replace(plain, results=rows)))[-1]

    assert told(1).startswith(
        "Every other candidate trained to the end is worse by more than chance explains; one stopped early."
    )
    assert told(3) == "All other candidates stopped early."


def test_without_plain_training_no_gain_is_claimed(data: ReportData) -> None:
    without = replace(data, results=tuple(row for row in data.results if row is not data.plain))
    assert texts(remedy_sentences(without))[0] == (
        "sampler with suspects left out came out first; plain training was not among the candidates."
    )


def test_a_larger_network_is_named_as_a_part_of_the_gain(data: ReportData) -> None:
    best, *others = data.results
    larger = replace(
        data, results=(replace(best, model="resnet"), *others), choice=replace(data.choice, model="resnet")
    )
    assert "A part of the difference may be the network" in texts(remedy_sentences(larger))[1]


def test_a_single_hold_out_set_gives_no_interval_and_says_so(data: ReportData) -> None:
    held = replace(
        data, results=tuple(replace(row, by_fold=row.by_fold[:1]) for row in data.results), held_out=1, test=None
    )
    assert "no interval can be given from a single training" in texts(remedy_sentences(held))[0]
    assert "so it flatters a little" in texts(figure_sentences(held))[0]


def test_the_figure_says_where_it_comes_from(data: ReportData) -> None:
    assert texts(figure_sentences(data))[0].startswith("On 100 test images the balanced accuracy is ")
    assert "read once" in texts(figure_sentences(data))[0]
    assert texts(figure_sentences(data))[1].startswith("The labels of the test images were taken as they are")
    unchecked = replace(data, audit=replace(data.audit, wrong_labels=None))
    assert len(figure_sentences(unchecked)) == 1
    assert texts(figure_sentences(replace(data, test=None)))[0].startswith(
        "There is no test set. The honest figure is the nested out-of-fold one"
    )


def test_corrected_labels_and_the_last_refit_are_told(data: ReportData) -> None:
    more = replace(
        data,
        test=replace(data.test, corrected=data.test.evaluation),
        model=FinalModel("resnet", 1, 24, "all"),
    )
    found = texts(figure_sentences(more))
    assert found[1].startswith("Measured against corrected test labels it is ")
    assert "the figure is that of its forerunner" in found[2]
    assert text(model_sentence(more)) == (
        "The model is one resnet network, trained for 24 epochs on every image, test images included. "
        "Remedy: sampler with suspects left out."
    )


def test_how_the_model_was_made(data: ReportData) -> None:
    assert text(model_sentence(data)).startswith("The model averages two resnet networks, each trained for 24 epochs")
    assert model_sentence(replace(data, model=None)) == ""


def test_weak_classes_are_named_worst_first_with_their_reading(made_up: ModuleType, data: ReportData) -> None:
    rows = weak_classes(data)
    assert [row.f1 for row in rows] == sorted(row.f1 for row in rows)
    many = made_up.report_data(
        classes=[f"c{n}" for n in range(9)],
        train=[20] * 9,
        test=[20] * 9,
        remedies=(("sampler", "none", 0.4), ("none", "none", 0.3)),
    )
    poor = replace(many, test=None)
    found = texts(weak_sentences(poor))
    assert len(found) == 6
    assert found[5] == "And four more; see the table of classes."
    assert all(", recall " in sentence and ", precision " in sentence for sentence in found[:5])


def test_no_weak_class(data: ReportData) -> None:
    per_class = tuple(replace(row, precision=0.9, recall=0.9) for row in data.test.evaluation.per_class)
    good = replace(data, test=replace(data.test, evaluation=replace(data.test.evaluation, per_class=per_class)))
    assert texts(weak_sentences(good)) == ["Every class is handled well: precision and recall are at least 80 %."]


def test_what_to_do_next_is_three_short_actions(data: ReportData) -> None:
    found = texts(next_steps(data))
    assert len(found) == 3
    assert (
        found[0]
        == "Settle the 42 suspects, the worst first: evenhand review RUN. All are listed in audit/label_issues.csv."
    )
    assert "audit/duplicates.csv" in found[1]


def test_after_an_audit_alone(made_up: ModuleType) -> None:
    alone = verdict(made_up.audit_only())
    assert text(alone.summary) == "The data were audited. No remedy was compared and no model trained."
    assert alone.remedy == alone.figure == alone.weak == ()
    assert any("evenhand run DATA" in step for step in texts(list(alone.steps)))


def test_where_all_is_well_the_model_is_to_be_used(made_up: ModuleType) -> None:
    listing = made_up.manifest(("a", "b"), (40, 40), (5, 5))
    sound = replace(made_up.audit(listing, None), findings=(), duplicates=())
    data = made_up.report_data(("a", "b"), (40, 40), (25, 25), audit=sound)
    good = tuple(replace(row, precision=0.9, recall=0.9) for row in data.test.evaluation.per_class)
    data = replace(
        data,
        test=replace(data.test, evaluation=replace(data.test.evaluation, per_class=good)),
        choice=replace(data.choice, ties=()),
    )
    assert texts(next_steps(data)) == ["Use the model: evenhand predict RUN/model PICTURE."]


def test_what_was_measured_of_the_next_step_comes_first(made_up: ModuleType) -> None:
    data = made_up.report_data(what_next=made_up.what_next())
    first = texts(next_steps(data))[0]
    assert first == (
        "Label first: settling the 310 suspects is worth about +5.0 points (+3.0 to +7.0). What each step would bring."
    )
    assert not any("Collect more images" in line for line in texts(next_steps(data)))
