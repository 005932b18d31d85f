"""Several ledgers as one: in the order of time, each in its own order, contradictions counted."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evenhand.auditing.decisions import joined, read_decisions
from evenhand.auditing.ledger import Edit, append, edit, replay


def label(pixels: str, name: str) -> Edit:
    return edit("label", "me", pixel_sha256=pixels, path=f"{pixels}.png", given="cat", label=name)


def undo(of: Edit) -> Edit:
    return edit("undo", "me", undoes=of.id)


def at(hour: int, entry: Edit) -> Edit:
    return replace(entry, time=f"2026-03-01T{hour:02}:00:00.000+00:00")


def ledgers(folder: Path, *histories: list[Edit]) -> list[Path]:
    places = [folder / f"{number}.jsonl" for number in range(len(histories))]
    for place, history in zip(places, histories, strict=True):
        append(place, history)
    return places


def test_several_ledgers_are_replayed_in_the_order_of_time_whatever_order_they_are_named_in(tmp_path: Path) -> None:
    early, late = at(9, label("one", "dog")), at(11, label("one", "cow"))
    other = at(10, edit("exclude", "you", pixel_sha256="one"))
    places = ledgers(tmp_path, [early, late], [other, at(12, label("two", "dog"))])
    for order in (places, places[::-1]):
        found = read_decisions(order)
        assert found.in_force == {"one": late, "two": replace(found.in_force["two"])}
        assert found.contradicted == 1
        assert found.notes() == ("The ledgers contradict each other about one picture; the later decision counts.",)
    assert read_decisions(places[:1]).in_force["one"] == late
    assert read_decisions([]).in_force == {}


def test_the_same_decision_in_two_ledgers_is_no_contradiction(tmp_path: Path) -> None:
    dog = at(9, label("one", "dog"))
    kept = at(10, edit("keep", "you", pixel_sha256="one", given="dog"))
    found = read_decisions(ledgers(tmp_path, [dog], [kept]))
    assert found.in_force["one"] == kept
    assert found.notes() == ()


def test_a_copy_that_went_on_counts_once_and_contradicts_nothing(tmp_path: Path) -> None:
    first = at(9, label("one", "dog"))
    second = at(10, label("one", "cow"))
    back = at(11, undo(first))
    found = read_decisions(ledgers(tmp_path, [first], [first, second]))
    assert (found.in_force, found.contradicted) == ({"one": second}, 0)
    assert joined([[first], [first, second]]) == [first, second]
    # What was taken back in the copy is taken back.
    assert replay(joined([[first], [first, back]])) == {}


def test_a_clock_that_was_set_back_does_not_mix_up_a_ledger_of_its_own() -> None:
    first, again = at(12, label("one", "dog")), at(8, label("one", "cow"))
    lost = replace(label("one", "hen"), time="some day")
    local = replace(label("two", "dog"), time="2026-03-01T12:30:00")
    assert joined([[first, again, lost], [local]]) == [first, again, lost, local]
    assert replay(joined([[first, again]]))["one"] == again


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_joining_keeps_the_order_of_each_ledger_and_else_that_of_time(one: list[int], other: list[int]) -> None:
    first, second = ([at(hour, label("x", "dog")) for hour in hours] for hours in (one, other))
    found = joined([first, second])
    assert [entry for entry in found if entry in first] == first
    assert [entry for entry in found if entry in second] == second
    if one == sorted(one) and other == sorted(other):
        assert [entry.time for entry in found] == sorted(entry.time for entry in found)
