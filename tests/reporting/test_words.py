"""Numbers and names as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.reporting import words


@given(st.text(max_size=400))
def test_names_and_paths_of_any_characters_are_isolated_markup_that_can_be_written(text: str) -> None:
    for made in (words.name(text), words.path(text)):
        assert made.startswith("<bdi")
        assert made.endswith("</bdi>")
        assert made.count("<") == 2
        made.encode()


def test_a_long_class_name_is_shown_in_short_and_told_whole_when_it_is_pointed_at() -> None:
    made = words.name('"' + "x" * 100)
    assert made.startswith('<bdi title="&#34;xxx')
    assert made.count("x") == 100 + words.LONGEST_NAME - 2
    assert "title" not in words.name("x" * words.LONGEST_NAME)


def test_a_long_name_keeps_its_head_and_its_tail() -> None:
    clipped = words.clipped("head" + "x" * 1000 + ".png")
    assert len(clipped) == words.LONGEST
    assert clipped.startswith("head")
    assert clipped.endswith(".png")
    assert "…" in clipped


def test_right_to_left_names_inside_a_sentence_are_isolated_and_others_are_left_alone() -> None:
    made = words.sentence("Too few images: קטן, a & קטן מאוד.", ("a", "קטן", "קטן מאוד"))
    assert made == "Too few images: <bdi>קטן</bdi>, a &amp; <bdi>קטן מאוד</bdi>."


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "<b>"], "a and &lt;b&gt;"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdef"), "a, b, c, d, e and f"),
        (list("abcdefg"), "a, b, c, d, e and two others"),
    ],
)
def test_lists_read_as_a_person_would_say_them(items: list[str], expected: str) -> None:
    assert words.listed(items) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (words.counted(1, "copy", "copies"), "1 copy"),
        (words.counted(5625, "image"), "5,625 images"),
        (words.spelled(1, "group"), "one group"),
        (words.spelled(10, "group"), "10 groups"),
        (words.percent(0.9123), "91.2\u00a0%"),
        (words.chance(0.93), "93\u00a0%"),
        (words.chance(0.9999), "over 99\u00a0%"),
        (words.chance(0.001), "under 1\u00a0%"),
        (words.span(0.5, 0.625, 0), "50 to 62\u00a0%"),
        (words.points(0.0421), "+4.2"),
        (words.points(-0.0421), "−4.2"),
        (words.points(-0.0001), "+0.0"),
        (words.spaced("misses 38% of it"), "misses 38\u00a0% of it"),
        (words.starting("two"), "Two"),
        (words.starting(""), ""),
    ],
)
def test_numbers(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.9, "more than half of all"),
        (0.5, "half of all"),
        (0.4, "two in five"),
        (1 / 3, "a third of all"),
        (0.25, "one in four"),
        (0.08, "one in 12"),
        (0.0004, "one in 2,500"),
    ],
)
def test_shares_in_words(share: float, expected: str) -> None:
    assert words.one_in(share) == expected
