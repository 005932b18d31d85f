from evenhand.records.values import Interval
from evenhand.study.wording import counted, points


def test_one_is_not_counted_as_many() -> None:
    assert [counted(number, "image") for number in (0, 1, 5625)] == ["0 images", "1 image", "5,625 images"]
    assert counted(2, "copy", "copies") == "2 copies"


def test_a_difference_is_told_in_points_with_its_interval() -> None:
    assert points(Interval(0.0123, -0.003, 0.027)) == "+1.2 points (-0.3 to +2.7)"
    assert points(Interval(0.0123, -0.003, 0.027), "95 % interval") == "+1.2 points (95 % interval -0.3 to +2.7)"


def test_there_is_no_minus_nothing() -> None:
    assert points(Interval(-0.0001, -0.0002, 0.0)) == "+0.0 points (+0.0 to +0.0)"
