from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.remedies.catalogue import REMEDIES, canonical, parse, plan_for, trained_part, trunk_part, tunings
from evenhand.remedies.counting import trained_counts
from evenhand.remedies.remedy import Parameter

STUDY = np.repeat([0, 1, 2], [4949, 449, 227])
DOCUMENT = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text(encoding="utf-8")

# Normal form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", "none"),
        ("none+smote", "smote"),
        ("none+none", "none"),
        ("smote+augment", "smote+augment"),
        ("augment+smote", "augment+smote"),
        ("sampler+augment", "augment+sampler"),
        (" class-weights : gamma = .50 ", "class-weights:gamma=0.5"),
        ("class-weights:gamma=1.0,by=example", "class-weights"),
        ("class-weights:gamma=2,by=class", "class-weights:by=class,gamma=2"),
        ("sampler:q=-0.0", "sampler"),
        ("smote:k=3.0", "smote:k=3"),
        ("augment:jitter=1e-2", "augment:jitter=0.01"),
        ("logit-adjust+augment-online:cutout=0+augment", "augment+augment-online:cutout=0+logit-adjust"),
    ],
)
def test_normal_form(text: str, expected: str):
    assert canonical(text) == expected


def _values(parameter: Parameter) -> st.SearchStrategy[object]:
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if isinstance(parameter.default, int):
        return st.integers(int(parameter.low), int(parameter.high))
    numbers = st.floats(parameter.low, parameter.high)
    return numbers | st.just("tuned") if parameter.grid else numbers


@st.composite
def parts(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(REMEDIES)))
    keys = draw(st.permutations(sorted(REMEDIES[name].parameters)))
    chosen = keys[: draw(st.integers(0, len(keys)))]
    written = [f"{key}={draw(_values(REMEDIES[name].parameters[key]))}" for key in chosen]
    return f"{name}:{','.join(written)}" if written else name


@settings(deadline=None)
@given(st.lists(parts(), min_size=1, max_size=3))
def test_the_normal_form_reads_back_as_the_same_value_or_is_refused(found: list[str]):
    text = "+".join(found)
    try:
        spec = parse(text)
    except UsageError:
        assert len(found) > 1
        return
    assert parse(str(spec)) == spec
    assert canonical(str(spec)) == str(spec)
    labels = np.array([0, 0, 0, 1])
    assert plan_for(text, labels, 2) == plan_for(str(spec), labels, 2)


@settings(deadline=None)
@given(st.text(alphabet="smote+augment:=k,3. -", max_size=20) | st.text(max_size=20))
@example("smote:")
@example("smote:k")
@example("smote:k=nan")
@example("smote:k=inf")
@example("+")
def test_any_text_is_either_understood_or_a_usage_error(text: str):
    try:
        normal = canonical(text)
    except UsageError:
        return
    assert canonical(normal) == normal


# Refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smot", "There is no remedy 'smot'. Did you mean 'smote'?"),
        ("class_weights", "Did you mean 'class-weights'?"),
        ("qqq", "Known: adasyn, augment, augment-online,"),
        ("", "A remedy is missing in ''"),
        ("smote++augment", "A remedy is missing in 'smote++augment'"),
        ("smote:neighbours=3", "The remedy smote has no parameter 'neighbours'."),
        ("class-weights:gama=1", "Did you mean 'gamma'?"),
        ("oversample:k=3", "The remedy oversample has no parameters"),
        ("smote:3", "'3' in 'smote:3' sets nothing; write smote:parameter=value."),
        ("smote:", "sets nothing"),
        ("smote:k=1,k=2", "smote:k is set twice"),
        ("smote:k=2.5", "smote:k must be a whole number from 1 to 50, not '2.5'."),
        ("smote:k=0", "smote:k must be a whole number from 1 to 50, not '0'."),
        ("sampler:q=two", "sampler:q must be a number from 0 to 1, not 'two'."),
        ("sampler:q=nan", "sampler:q must be a number"),
        ("sampler:q=", "sampler:q must be a number"),
        ("class-weights:by=clas", "class-weights:by cannot be 'clas'. Did you mean 'class'?"),
        ("augment+augment:factor=2", "The remedy augment is named twice"),
        ("oversample+undersample", "is what the remedy sampler does; write sampler instead"),
        ("undersample+augment+oversample", "is what the remedy sampler does; write sampler instead"),
    ],
)
def test_wrong_words_are_refused_with_what_to_do(text: str, message: str):
    with pytest.raises(UsageError) as error:
        parse(text)
    assert message in str(error.value)


NO_CORRECTIONS = ["none", "augment", "augment-online", "mixup", "remix", "cutmix", "cmo", "pgd-train", "focal"]
CORRECTIONS = [name for name in REMEDIES if name not in NO_CORRECTIONS]


def test_these_remedies_correct_the_class_counts():
    assert [name for name, remedy in REMEDIES.items() if remedy.corrects_prior] == CORRECTIONS


@pytest.mark.parametrize("left", CORRECTIONS)
def test_two_corrections_are_refused_by_name_and_reason(left: str):
    for right in CORRECTIONS:
        with pytest.raises(UsageError) as error:
            plan_for(f"{left}+augment+{right}", STUDY, 3)
        assert left in str(error.value)
        assert right in str(error.value) or left == right
        if left != right and {left, right} != {"oversample", "undersample"}:
            assert "correct twice" in str(error.value)
            assert "--allow-stacking" in str(error.value)


def test_who_wants_to_stack_may():
    plan = plan_for("balanced-softmax+sampler", STUDY, 3, allow_stacking=True)
    assert plan.draw == plan_for("sampler", STUDY, 3).draw
    assert plan.loss == plan_for("balanced-softmax", STUDY, 3).loss
    both = plan_for("class-weights+balanced-softmax", STUDY, 3, allow_stacking=True).loss
    assert both is not None
    assert both.class_weights is not None
    assert both.logit_offsets is not None
    assert canonical("logit-adjust+sampler", allow_stacking=True) == "sampler+logit-adjust"
    for text in ("sampler+oversample", "class-weights+effective-number", "drw+drs", "crt+lws"):
        with pytest.raises(UsageError, match="both set the"):
            parse(text, allow_stacking=True)


@pytest.mark.parametrize("text", ["crt+ldam-drw", "balpoe+mislas", "tau-norm+balpoe"])
def test_a_second_training_does_not_go_with_a_last_layer_of_its_own(text: str):
    with pytest.raises(UsageError, match="plain last layer in place of"):
        parse(text, allow_stacking=True)


@pytest.mark.parametrize(
    "text", ["cmo+balanced-softmax+focal", "augment+mixup+drw", "augment-online+remix+crt", "cutmix+logit-adjust"]
)
def test_one_of_each_layer_composes(text: str):
    assert canonical(text) == text
    assert parse("+".join(reversed(text.split("+")))) == parse(text)


def test_two_remedies_that_set_the_same_field_are_refused():
    again = REMEDIES | {"online-too": REMEDIES["augment-online"]}
    with pytest.raises(UsageError, match="both set the augmentation of the training"):
        parse("augment-online+online-too", again)


@pytest.mark.parametrize(
    ("text", "trained", "trunk"),
    [
        ("none", "none", "none"),
        ("logit-adjust", "none", "none"),
        ("logit-adjust:tau=0.5+augment", "augment", "augment"),
        ("sampler:q=0.5", "sampler:q=0.5", "sampler:q=0.5"),
        ("crt:epochs=3", "crt:epochs=3", "none"),
        ("augment+feature-smote", "augment+feature-smote", "augment"),
        ("mislas", "mislas", "mixup"),
        ("mislas:alpha=0.2,epochs=5", "mislas:alpha=0.2,epochs=5", "mixup:alpha=0.2"),
        ("augment-online+mixup+lws", "augment-online+mixup+lws", "augment-online+mixup"),
    ],
)
def test_what_is_trained_of_a_remedy_and_on_which_trunk(text: str, trained: str, trunk: str):
    assert trained_part(text) == trained
    assert trunk_part(text) == trunk


def test_what_is_to_be_tuned_stands_for_every_value_the_usual_one_first():
    assert canonical("logit-adjust:tau=tuned") == "logit-adjust:tau=tuned"
    found = tunings("augment+logit-adjust:tau=tuned")
    assert len(found) == len(set(found)) == 21
    assert found[0] == "augment+logit-adjust"
    assert {"augment+logit-adjust:tau=0", "augment+logit-adjust:tau=0.7", "augment+logit-adjust:tau=2"} < set(found)
    assert tunings("tau-norm:tau=tuned")[:3] == ("tau-norm", "tau-norm:tau=0.75", "tau-norm:tau=1.25")
    assert tunings("sampler:q=0.50") == ("sampler:q=0.5",)
    assert plan_for("logit-adjust:tau=tuned", STUDY, 3) == plan_for("logit-adjust", STUDY, 3)
    with pytest.raises(UsageError, match="from 0 to 2, not 'tuned'"):
        parse("balanced-softmax:tau=tuned")
    with pytest.raises(UsageError, match="0 to 2, or tuned, not 'tunde'"):
        parse("logit-adjust:tau=tunde")


# Plans


def test_the_study_s_experiments_train_on_the_published_counts():
    counts = {
        text: trained_counts(plan_for(text, STUDY, 3), STUDY, 3) for text in ("none", "augment", "smote", "sampler")
    }
    assert counts["none"] == (4949, 449, 227)
    assert counts["augment"] == (9898, 898, 454)
    assert sum(counts["augment"]) == 11_250
    assert counts["smote"] == (4949, 4949, 4949)
    assert sum(counts["smote"]) == 14_847
    assert counts["sampler"] == (1875, 1875, 1875)
    assert sum(counts["sampler"]) == 5625


def test_augmentation_and_sampler_compose():
    plan = plan_for("augment+sampler", STUDY, 3)
    assert plan.synthesis == plan_for("augment", STUDY, 3).synthesis
    assert plan.draw is not None
    assert plan.draw.length == 11_250
    assert trained_counts(plan, STUDY, 3) == (3750, 3750, 3750)
    assert plan_for("sampler+augment", STUDY, 3) == plan


def test_parts_that_add_images_follow_the_order_written():
    copied_last = plan_for("smote+augment", STUDY, 3).synthesis
    copied_first = plan_for("augment+smote", STUDY, 3).synthesis
    assert copied_last is not None
    assert copied_first is not None
    assert [(step.method, step.counts) for step in copied_last.steps()] == [
        ("smote", (0, 4500, 4722)),
        ("copies", (4949, 4949, 4949)),
    ]
    assert [(step.method, step.counts) for step in copied_first.steps()] == [
        ("copies", (4949, 449, 227)),
        ("smote", (0, 9000, 9444)),
    ]


def test_parameters_reach_the_plan():
    plan = plan_for("class-weights:gamma=0+augment-online:crop=2,cutout=0,flip=none", STUDY, 3)
    assert plan.augmentation == Augmentation(crop=2)
    assert plan.loss is not None
    assert plan.loss.class_weights == pytest.approx((1.0, 1.0, 1.0))


def test_online_augmentation_never_flips_upside_down_unless_asked():
    plan = plan_for("augment-online", STUDY, 3)
    assert plan.augmentation == Augmentation(crop=4, flip_horizontal=True, flip_vertical=False, cutout=8)


def test_soft_labels_count_by_column_sums():
    soft = np.array([[0.75, 0.25]] * 4, dtype=np.float32)
    assert plan_for("class-weights", soft, 2) == plan_for("class-weights", np.array([0, 0, 0, 1]), 2)


# House rules


def test_planning_loads_no_torch():
    code = (
        "import sys, numpy\n"
        "from evenhand.remedies.catalogue import REMEDIES, plan_for\n"
        "for name in REMEDIES: plan_for(name, numpy.array([0, 0, 1]), 2)\n"
        "import evenhand.remedies.synthesis\n"
        "assert not {'torch', 'sklearn', 'imblearn'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _row(name: str) -> str:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1, f"docs/remedies.md needs one row for {name}"
    return rows[0]


@pytest.mark.parametrize("name", REMEDIES)
def test_every_remedy_and_parameter_is_documented(name: str):
    remedy, row = REMEDIES[name], _row(name)
    assert remedy.description in row
    assert remedy.source in row
    for key, parameter in remedy.parameters.items():
        default = parameter.default if isinstance(parameter.default, str) else f"{parameter.default:g}"
        assert f"`{key}` = {default} ({parameter.range}): {parameter.meaning}" in row


def test_nothing_is_documented_that_is_not_there():
    assert set(re.findall(r"^\| `([^`]+)` \|", DOCUMENT, re.MULTILINE)) == set(REMEDIES)
    for name, remedy in REMEDIES.items():
        assert set(re.findall(r"`([^`]+)` = ", _row(name))) == set(remedy.parameters)


def test_the_documented_example_of_a_new_remedy_keeps_the_contract():
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert "bounded-weights" in names["mine"]  # type: ignore[operator]
