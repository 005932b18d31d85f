from typing import Any

import numpy as np
import pytest

from evenhand.attacks.assault import Assault, target_number
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim
from evenhand.errors import UsageError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"attack": "pgdd"}, "no attack 'pgdd'"),
        ({"attack": "pgd:steps=0", "eps": 0.1}, "steps must be positive"),
        ({"attack": "pgd"}, "needs a budget: give --eps"),
        ({"attack": "pgd", "norm": "l1", "eps": 0.1}, "pgd works in linf, l2, not in l1"),
        ({"attack": "deepfool", "target": "cats"}, "cannot be aimed"),
        ({"attack": "optimised-noise", "norm": "l1"}, "give --target CLASS, or --target all"),
        ({"attack": "standard", "norm": "l3"}, "no norm 'l3'"),
        ({"attack": "corruptions", "target": "cats"}, "no target"),
        ({"attack": "corruptions:severity=6"}, "severity=1 to severity=5, not 'severity=6'"),
        ({"attack": "corruptions:kind=fog"}, "severity=1 to severity=5, not 'kind=fog'"),
        ({"attack": "fmn", "limit": 0}, "--limit must be at least 1"),
        ({"attack": "fmn", "examples": -1}, "--examples must be at least 0"),
        ({"attack": "fmn", "eps": 8.0}, "8/255"),
    ],
)
def test_words_that_cannot_be_meant(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Assault(**words)


def subject(model: Any, classes: tuple[str, ...]) -> Subject:
    return Subject(Victim(model), np.zeros((0, 4, 4, 3), np.uint8), np.zeros(0, np.int64), (), classes, None, "", "")


@pytest.mark.parametrize(
    ("words", "classes", "message"),
    [
        ({"attack": "pgd", "target": "cat"}, ("cats", "dogs"), "no class 'cat'. Did you mean 'cats'"),
        ({"attack": "apgd-dlr"}, ("cats", "dogs", "cows"), "needs 4 classes, and there are 3. Use apgd-margin"),
    ],
)
def test_classes_that_do_not_fit(trained: Any, words: dict[str, Any], classes: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Assault(eps=0.1, **words).check(subject(trained.network, classes))


def test_a_model_that_can_only_be_asked() -> None:
    asked = subject(lambda images: images, ("cats", "dogs"))
    with pytest.raises(UsageError, match="can only be asked: use --attack square"):
        Assault(attack="pgd", eps=0.1).check(asked)
    for name in ("square", "noise", "standard", "corruptions"):
        Assault(attack=name, eps=0.1).check(asked)


def test_targets_are_numbers_or_all() -> None:
    assert target_number(None, ("a", "b")) is None
    assert target_number("all", ("a", "b")) == "all"
    assert target_number("b", ("a", "b")) == 1
    assert Assault(attack=" pgd :steps=3", eps=0.1).name == "pgd"


def test_severities() -> None:
    assert Assault(attack="corruptions").severities == (1, 2, 3, 4, 5)
    assert Assault(attack="corruptions: severity = 4").severities == (4,)
