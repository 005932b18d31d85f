from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.models.heads import PLAIN
from evenhand.study.distil import distilled, student_plan
from evenhand.study.final import train_final
from evenhand.study.prior import shown_shares
from evenhand.study.trial import Targets
from evenhand.training.model_file import Model

LABELS = np.repeat([0, 1, 2], [36, 14, 10])


def taught(study: Any, bench: Any, remedy: str, temperature: float = 1.5, **changes: Any) -> tuple[Model, Model]:
    targets = Targets(np.ones(study.n, dtype=bool), study.labels)
    recipe = replace(study.recipe, **changes)
    model = train_final(bench, remedy, recipe, targets, members=2, size=(16, 16), title="final")
    model = replace(model, temperature=temperature)
    return model, distilled(bench, remedy, recipe, targets, model, title="distilling")


@pytest.mark.parametrize("remedy", ["logit-adjust", "balpoe", "crt"])
def test_one_plain_network_comes_of_all_members(study: Any, remedy: str) -> None:
    model, student = taught(study, study.bench(), remedy)
    assert (len(model.members), len(student.members)) == (2, 1)
    assert (student.temperature, student.logit_offsets, student.shape) == (1.0, None, PLAIN)
    assert (student.classes, student.size, student.flips) == (model.classes, model.size, model.flips)
    np.testing.assert_allclose(student.probabilities(study.pixels).sum(axis=1), 1, atol=1e-5)


def test_the_student_says_what_the_teachers_say(study: Any) -> None:
    model, student = taught(study, study.bench(), "balanced-softmax", epochs=30)
    told, learnt = model.probabilities(study.pixels), student.probabilities(study.pixels)
    guess = np.abs(told - 1 / 3).sum(axis=1).mean()
    assert np.abs(told - learnt).sum(axis=1).mean() < guess / 2
    assert (told.argmax(axis=1) == learnt.argmax(axis=1)).mean() > 0.8


def test_it_is_taught_once_and_anew_when_the_teachers_change(study: Any) -> None:
    bench = study.bench()
    _, first = taught(study, bench, "none")
    assert len(bench.engine.given) == 3
    again = study.bench()
    _, second = taught(study, again, "none")
    assert again.engine.given == []
    np.testing.assert_array_equal(first.probabilities(study.pixels), second.probabilities(study.pixels))
    cooler = study.bench()
    _, third = taught(study, cooler, "none", temperature=0.7)
    assert len(cooler.engine.given) == 1
    assert (third.probabilities(study.pixels) != first.probabilities(study.pixels)).any()


@pytest.mark.parametrize("remedy", ["balanced-softmax", "logit-adjust", "class-weights", "crt", "ldam-drw", "drs"])
def test_pictures_come_in_the_mix_that_the_teachers_answer_for(remedy: str) -> None:
    asked = student_plan(remedy, LABELS, 3)
    assert (asked.loss, asked.head, asked.post, asked.refit, asked.stages) == (None,) * 5
    np.testing.assert_allclose(shown_shares(asked, LABELS, 3), [1 / 3] * 3, atol=1e-3)
    assert asked.draw is not None
    assert asked.draw.length == 60


def test_what_a_remedy_shows_is_shown_to_the_student_too() -> None:
    assert student_plan("none", LABELS, 3).draw is None
    smote = student_plan("smote", LABELS, 3)
    assert smote.synthesis is not None
    assert smote.draw is None
    assert student_plan("mixup", LABELS, 3).mixing is not None
    both = student_plan("augment+balanced-softmax", LABELS, 3)
    assert both.synthesis is not None
    np.testing.assert_allclose(shown_shares(both, LABELS, 3), [1 / 3] * 3, atol=1e-6)
