from dataclasses import replace

import rate_study
import reference_study as made_up
from evenhand.reporting import reference_words as words
from evenhand.study.published import published
from evenhand.study.reference import ReferenceStudy

THEIRS = published()


def test_what_lies_within_five_points_needs_no_explanation() -> None:
    found, audit = made_up.study(), made_up.audit()
    assert all(gap.near for gap in words.gaps(found, THEIRS))
    assert words.headline(found, audit, THEIRS) == "Seven of seven published accuracies come out within five points"
    assert list(words.unstated(found, audit, THEIRS)) == []
    beside = words.remedy_words(found, audit, THEIRS)
    assert "Six of six are within 5 points" in beside.measured[1]
    assert "random draws" in beside.why[0]


def test_what_lies_further_off_is_explained_by_what_the_report_does_not_say() -> None:
    found, audit = made_up.study(off=-0.2), made_up.audit()
    assert words.headline(found, audit, THEIRS).startswith("Six of seven")
    (line,) = words.unstated(found, audit, THEIRS)
    assert line.startswith("Sampler, −20.0 points: how often the sampler draws each picture again")
    assert "below the table" in words.remedy_words(found, audit, THEIRS).why[-1]


def test_other_images_or_epochs_are_owned_up_to_and_not_compared() -> None:
    found = made_up.study(off=-0.2)
    other = made_up.audit(testing=(10, 10, 10))
    assert words.headline(found, other, THEIRS) == "The reference study's experiments, repeated on other terms"
    assert list(words.unstated(found, other, THEIRS)) == []
    assert "cannot be compared" in words.remedy_words(found, other, THEIRS).why[0]
    assert "The test images are others" in words.data_words(found, other, THEIRS).why[0]
    assert "training and test images" in words.data_words(found, made_up.audit((9, 9, 9), (9, 9, 9)), THEIRS).why[0]
    assert "study's own images" in words.data_words(found, made_up.audit(), THEIRS).why[0]
    changed = replace(found, faithful=False)
    assert "number of epochs was changed" in words.remedy_words(changed, made_up.audit(), THEIRS).why[0]
    assert "repeated on other terms" in words.headline(changed, made_up.audit(), THEIRS)


def test_copies_of_test_images_that_sat_out_are_told() -> None:
    audit = made_up.audit()
    whole = words.data_words(made_up.study(), audit, THEIRS)
    assert len(whole.measured) == 2
    fewer = words.data_words(replace(made_up.study(), trained_on=5531), audit, THEIRS)
    assert fewer.measured[2].startswith("94 training images are copies of test images, or nearly so.")
    assert fewer.why[-1] == "The study did not look for copies, and trained on them."
    held = replace(made_up.study(), trained_on=4500, judged_on="held-out")
    assert len(words.data_words(held, audit, THEIRS).measured) == 2


def test_a_missing_checkpoint_is_said_to_be_missing() -> None:
    found = made_up.study()
    assert words.baseline_words(found, THEIRS).measured[0].startswith("Accuracy 88.2")
    without = words.baseline_words(replace(found, baseline=None), THEIRS)
    assert (without.measured, without.why) == (
        ("Nothing: no checkpoint was given.",),
        ("Name one with --baseline FILE.",),
    )


def test_the_final_model_and_the_rates_stand_beside_what_was_published() -> None:
    final = words.final_words(made_up.study(), THEIRS)
    assert "15,472 examples" in final.published[0]
    assert "16,500 examples" in final.measured[1]
    assert "applied to all images together" in final.why[0]
    agree = words.rate_section(rate_study.study((1e-10, 0.1)), THEIRS)
    assert [line.split(": ")[1] for line in agree.measured] == ["too small.", "diverges."]
    assert agree.why == ("They agree.",)
    assert words.rate_section(rate_study.study((1e-10, 0.003)), THEIRS).why != ("They agree.",)
    assert words.rate_section(None, THEIRS).measured == ("Nothing.",)


def test_what_repair_is_worth_is_told_by_the_expected_figure() -> None:
    found = made_up.study()
    beside = words.undone_words(found, made_up.audit(), THEIRS)
    assert "431 of the 452 Cat images that are labelled Car" in beside.published[0]
    assert "420 images named as suspects. 400 of these are labelled Cars and look like Cats." in beside.measured[0]
    before = {one.name: one for one in found.experiments}
    better = sum(_expected(one) > _expected(before[one.name]) for one in found.undone)
    assert f"rises in {better} of 6 experiments" in beside.measured[1]
    nothing = words.undone_words(replace(found, flagged=0, flagged_pair=0), made_up.audit(), THEIRS)
    assert "Nothing is left out" in nothing.measured[1]
    assert nothing.measured[2].startswith("Nothing was tuned")
    searched = words.undone_words(replace(found, tuning=("None did better.", "Not even one.")), made_up.audit(), THEIRS)
    assert searched.measured[2] == "None did better. Not even one."


def _expected(one: object) -> float:
    return one.expected.balanced_accuracy.value  # type: ignore[attr-defined,no-any-return]


def test_every_network_has_one_row_its_repair_below_it() -> None:
    found: ReferenceStudy = made_up.study()
    extra = made_up.tried("SMOTE + augmentation", "smote+augment-online", 0.8)
    rows = words.rows_of(replace(found, undone=(*found.undone, extra)))
    assert len(rows) == 14
    assert [(one.name, one.repair) for one in rows[:2]] == [("original data", "none"), ("original data", "drop")]
    assert (rows[12], rows[13]) == (found.final, extra)
    told = " ".join(words.summary(found, made_up.audit()))
    assert "About 440 of the 5,625 training labels are wrong" in told
    assert "Nothing was chosen by these figures" in told


def test_attacks_are_told_in_the_order_of_the_study() -> None:
    def attack(how: str, eps: float | None, target: str | None, rate: float | None) -> dict[str, object]:
        return {
            "settings": {"attack": how, "target": target},
            "eps": eps,
            "success_rate": rate,
            "attempted": 12,
        }

    beside = words.attack_section(
        [
            attack("fgsm", 8 / 255, "all", 0.5),
            attack("fgsm", 8 / 255, None, None),
            attack("optimised-noise:start=white", None, "all", 0.25),
            attack("optimised-noise", None, "all", 1.0),
        ]
    )
    assert [line.split(" succeeds")[0] for line in beside.measured] == [
        "optimised-noise, aimed at each other class,",
        "optimised-noise:start=white, aimed at each other class,",
        "fgsm with noise of 8/255",
        "fgsm with noise of 8/255, aimed at each other class,",
    ]
    assert beside.measured[2].endswith("in none of 12 attempts.")
    assert "100.0" in beside.measured[0]
