from __future__ import annotations

import pytest

from evenhand.errors import UsageError
from evenhand.remedies.remedy import Parameter

WHOLE = Parameter(3, "how many", 1, 9)
NUMBER = Parameter(0.5, "how much", 0, 2)
WORD = Parameter("up", "which way", choices=("up", "down"))


def test_values_are_read_as_their_default_is():
    assert WHOLE.read("4", "n") == 4
    assert isinstance(WHOLE.read("4.0", "n"), int)
    assert NUMBER.read("1", "x") == 1.0
    assert isinstance(NUMBER.read("1", "x"), float)
    assert WORD.read("down", "way") == "down"


@pytest.mark.parametrize(
    ("parameter", "text"),
    [(WHOLE, "0"), (WHOLE, "1.5"), (WHOLE, "inf"), (NUMBER, "2.01"), (NUMBER, "nan"), (NUMBER, "x"), (WORD, "left")],
)
def test_other_values_are_refused_by_name(parameter: Parameter, text: str):
    with pytest.raises(UsageError, match="smote:k"):
        parameter.read(text, "smote:k")


def test_the_range_reads_as_people_say_it():
    assert [WHOLE.range, NUMBER.range, WORD.range] == ["1 to 9", "0 to 2", "up, down"]
