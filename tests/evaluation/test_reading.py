import pytest

from evenhand.evaluation.reading import read


@pytest.mark.parametrize(
    ("precision", "recall", "begins"),
    [
        (0.95, 0.9, "Handles the class."),
        (0.812, 0.255, "Rarely finds the class, but is trustworthy when it does."),
        (0.275, 0.826, "Finds the class, but also calls other classes by its name."),
        (0.241, 0.304, "Does not handle the class."),
    ],
)
def test_the_four_cases_of_the_reference_study(precision: float, recall: float, begins: str) -> None:
    assert read(precision, recall, 100, 50) == begins


@pytest.mark.parametrize(
    ("precision", "recall", "reservation"),
    [
        (0.95, 0.6, "misses 40% of it."),
        (0.6, 0.95, "40% of what it calls by this name is something else."),
        (0.6, 0.7, "misses 30% of it, and 40% of what it calls by this name is something else."),
    ],
)
def test_two_middling_figures_are_high_with_a_reservation(precision: float, recall: float, reservation: str) -> None:
    assert read(precision, recall, 100, 50) == f"Handles the class, with reservations: {reservation}"


def test_a_class_never_named_has_no_precision_to_speak_of() -> None:
    assert read(0.0, 0.0, 100, 0) == "Does not handle the class: never names it."


def test_few_images_are_told() -> None:
    assert read(1.0, 1.0, 3, 3) == "Handles the class. Only 3 images: read with care."
    assert read(1.0, 1.0, 1, 1).endswith("Only one image: no judgement.")
    assert read(1.0, 1.0, 20, 20) == "Handles the class."
    assert read(0.0, 0.0, 0, 2).endswith("The model calls 2 images by its name.")
