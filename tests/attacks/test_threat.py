import math

import pytest

from evenhand.attacks.threat import NO_BOX, Threat, read_eps
from evenhand.errors import UsageError


@pytest.mark.parametrize(("text", "value"), [("8/255", 8 / 255), ("0.5", 0.5), ("3", 3.0), ("1e-2", 0.01)])
def test_budgets_are_numbers_or_fractions(text: str, value: float) -> None:
    assert read_eps(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "8/", "/255", "1/0", "eight", "1/2/3", "__import__('os')"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="8/255"):
        read_eps(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"norm": "l3"}, "There is no norm 'l3'"),
        ({"norm": "Linf"}, "Did you mean 'linf'"),
        ({"eps": -0.1}, "at least 0"),
        ({"eps": math.nan}, "at least 0"),
        ({"eps": math.inf}, "at least 0"),
        ({"eps": 8.0}, "say 8/255"),
        ({"norm": "l0", "eps": 1.5}, "number of values"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Threat(**words)  # type: ignore[arg-type]


def test_no_budget_and_no_box_are_allowed() -> None:
    threat = Threat("l2", None, NO_BOX)
    assert threat.allowed == math.inf
    assert not threat.boxed
    assert Threat("linf", 8.0, (0.0, 255.0)).boxed
