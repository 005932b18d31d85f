import pytest

from evenhand.study.tuning.words import method, points, rival_name, summary, train_words
from tune_study import tuning


@pytest.mark.parametrize(
    ("verdict", "value", "told"),
    [
        ("better", 0.04, "The best of 40 trials beats the default: on folds that the search did not see its balanced "
         "accuracy is 83.0%, 4.0 points above it (95% interval +2.0 to +6.0)."),
        ("tied", 0.01, "The default cannot be beaten beyond chance: on folds that the search did not see the best of "
         "40 trials comes to 83.0%, 1.0 points above it (95% interval -1.0 to +3.0)."),
        ("tied", -0.01, "The default cannot be beaten beyond chance: on folds that the search did not see the best of "
         "40 trials comes to 83.0%, 1.0 points below it (95% interval -3.0 to +1.0)."),
        ("worse", -0.03, "The default is better than the best of 40 trials: on folds that the search did not see that "
         "one comes to 83.0%, 3.0 points below it (95% interval -9.0 to +3.0)."),
        ("same", 0.0, "None of 40 trials did better than the default, which comes to 83.0% on fresh folds."),
    ],
)  # fmt: skip
def test_the_first_sentence_says_whether_the_default_was_beaten(verdict: str, value: float, told: str) -> None:
    first, second = summary(tuning(verdict=verdict, value=value))
    assert first == told
    assert second == (
        "Beside the recipe standard with the same remedy and repair it is better: +4.0 points (95% interval +2.0 to "
        "+6.0)."
    )


def test_the_command_that_trains_so_can_be_typed() -> None:
    made = tuning()
    words = train_words(made)
    assert words[:2] == ["--remedy", made.best.remedy]
    assert "augmentation.flip_vertical=false" in words
    assert f"learning_rate={made.best.changes['learning_rate']}" in words


def test_how_it_was_searched_is_told_with_its_numbers() -> None:
    told = method(tuning(9))
    assert "9 trials of the network simple, 10 epochs each" in told
    assert "5,625 images in 4 folds" in told
    assert "3 of them were behind" in told
    assert "expected on the true labels" in told


def test_differences_have_signs() -> None:
    assert [points(value) for value in (0.0123, -0.0123, -0.00001)] == ["+1.2", "-1.2", "+0.0"]
    assert rival_name(tuning().best.rivals[0], tuning()) == "the default: balanced-softmax"
