from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import attacked_run
from evenhand.attacks.assault import Assault
from evenhand.reporting.robustness import Attacked, read_attacks
from evenhand.reporting.robustness_view import RobustnessView, robustness_view


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Attacked, ...]:
    return read_attacks(attacked_run.attack(tmp_path_factory.mktemp("attacked")))


@pytest.fixture(scope="module")
def view(found: tuple[Attacked, ...]) -> RobustnessView:
    made = robustness_view(found)
    assert made
    return made


def told(found: tuple[Attacked, ...], name: str) -> dict[str, Any]:
    return next(one.told for one in found if one.told["attack"] == name)


def test_without_attacks_there_is_nothing_to_show() -> None:
    assert robustness_view(()) is None


def test_the_sentences_say_what_matters_with_its_numbers(view: RobustnessView, found: tuple[Attacked, ...]) -> None:
    text = " ".join(view.sentences).replace("\u00a0", " ")
    clean, strong = told(found, "noise")["clean_accuracy"], told(found, "fgsm")["robust_accuracy"]
    noise = told(found, "noise")["robust_accuracy"]
    assert f"right about {100 * clean:.1f} %" in text
    assert f"no value by more than 8/255 leaves {100 * strong:.1f} %" in text
    assert f"random noise of that size leaves {100 * noise:.1f} %" in text
    assert f"noise of {255 * told(found, 'fmn')['median_norm']:.3g}/255 or less" in text
    assert "Under 15 common corruptions" in text
    assert set(view.images) == {
        "36 test images",
        "72 test images",
        "24 test images, at most 4 of each class",
    }


def test_the_table_names_every_attack_once_weak_ones_before_strong_ones(view: RobustnessView) -> None:
    names = [str(row.name) for row in view.tried]
    assert len(names) == len(set(names)) == 6
    at_eight = [name for name, row in zip(names, view.tried, strict=True) if row.budget == "at most 8/255"]
    assert [name.split(":")[0].split("<")[1].removeprefix("code>") for name in at_eight] == ["noise", "fgsm", "pgd"]
    assert view.tried[-1].budget == "any size"
    assert all(" of " in row.fooled for row in view.tried)


def test_the_chart_has_the_curve_down_to_zero_and_a_mark_an_attack(
    view: RobustnessView, found: tuple[Attacked, ...]
) -> None:
    chart = next(one for one in view.charts if "linf" in one.words)
    curve = told(found, "fmn")["curve"]
    assert len(chart.rows) == len(curve) + 3  # noise, fgsm, pgd; aimed attacks tell of something else
    assert chart.chart.count("<polyline") == 1
    assert chart.chart.count('class="spot') == 3
    assert len(chart.legend) == 4
    assert curve[0]["eps"] == 0
    assert curve[-1]["accuracy"] < 0.1


def test_of_two_searches_the_stronger_is_drawn(found: tuple[Attacked, ...]) -> None:
    fmn = next(one for one in found if one.told["attack"] == "fmn")
    weak = [row | {"accuracy": 1.0, "low": 0.9, "high": 1.0} for row in fmn.told["curve"]]
    other = Attacked("weak", fmn.told | {"attack": "deepfool", "curve": weak, "median_norm": 1.0})
    view = robustness_view([other, fmn])
    assert view
    assert {row.how for row in view.charts[0].rows} == {"fmn"}
    assert "fmn" in view.medians[0].name


def test_medians_say_what_resisted(found: tuple[Attacked, ...]) -> None:
    fmn = next(one for one in found if one.told["attack"] == "fmn")
    classes = dict(fmn.told["per_class"])
    first = next(iter(classes))
    classes[first] = classes[first] | {"fooled": 2, "median_norm": None}
    cut = replace(fmn, told=fmn.told | {"eps": 2 / 255, "per_class": classes, "fooled": fmn.told["attempted"] - 9})
    view = robustness_view([cut])
    assert view
    (medians,) = view.medians
    assert [row.label for row in medians.rows] == ["", *attacked_run.CLASSES]
    row = next(row for row in medians.rows if row.label == first)
    assert row.median == "over 2/255"
    assert row.resisted == classes[first]["attempted"] - 2
    assert row.chart == ""
    assert "nine images" in medians.censored
    assert "at most 2/255" in medians.censored
    whole = robustness_view([fmn])
    assert whole
    assert whole.versions.endswith("; seed 0")
    assert "torch" in whole.versions
    assert (whole.medians[0].censored == "") == (fmn.told["fooled"] == fmn.told["attempted"])


def test_a_model_that_is_always_wrong_has_a_page_too(tmp_path: Path) -> None:
    wrong = attacked_run.subject()
    wrong = replace(wrong, labels=(wrong.labels + 1) % 3)
    attacked_run.attack(
        tmp_path, [Assault("pgd:steps=2", eps=0.01), Assault("fmn:steps=3"), Assault("corruptions:severity=1")], wrong
    )
    view = robustness_view(read_attacks(tmp_path))
    assert view
    assert float(view.tried[0].left.split("\u00a0")[0]) < 20
    assert view.sentences


def test_corruptions_alone_make_a_page(found: tuple[Attacked, ...]) -> None:
    view = robustness_view([one for one in found if one.corruptions])
    assert view
    assert view.tried == view.charts == view.medians == ()
    assert view.corruptions
    assert len(view.sentences) == 2


def test_images_that_were_trained_on_are_said_to_be(tmp_path: Path) -> None:
    attacked_run.attack(
        tmp_path, [Assault("fgsm", eps=0.02, lean=True)], attacked_run.subject(seen=True, source="train")
    )
    view = robustness_view(read_attacks(tmp_path))
    assert view
    assert "was trained on these images" in view.images[0]
