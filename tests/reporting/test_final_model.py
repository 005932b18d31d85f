from typing import Any

from evenhand.reporting.final_model import model_told, stated

CALIBRATION = {
    "value": 1.25, "fitted_on": "out-of-fold probabilities, posterior of the true labels", "n": 90, "prior": [0.5, 0.5],
    "as_they_occur": False, "log_loss": 0.5, "ece": 0.08, "log_loss_scaled": 0.45, "ece_scaled": 0.02,
}  # fmt: skip
INTERVAL = {"value": 0.4, "low": 0.3, "high": 0.55}


def made(**facts: Any) -> dict[str, Any]:
    return {"classes": ["cat", "dog"], "calibration": CALIBRATION, **facts}


def test_calibration_is_one_sentence_with_before_and_after() -> None:
    (line,) = model_told(made())
    assert line.startswith("Its logits are divided by a temperature of 1.25, fitted on the chosen candidate's")
    assert "the posterior of the true labels of 90 images" in line
    assert "as the remedy takes them to be, not as they occur" in line
    assert "calibration error from 0.080 to 0.020" in line
    (single,) = model_told(made(calibration=CALIBRATION | {"ece_scaled": None, "log_loss_scaled": None}))
    assert single.endswith("calibration error before: 0.080, log-loss 0.500.")
    assert list(model_told({})) == []


def test_a_student_says_whose() -> None:
    taught, calibrated = model_told(made(distilled_from={"members": 2, "softness": 2.0, "weight": 0.9}))
    assert "taught by two networks" in taught
    assert calibrated.startswith("The logits of its teachers")


def test_decisions_by_cost_are_told_with_what_they_cost() -> None:
    table = {"cat": {"cat": 0, "dog": 1}, "dog": {"cat": 5, "dog": 0}}
    facts = made(
        prior={"cat": 0.5, "dog": 0.5},
        costs={"table": table, "prior": {"cat": 0.9, "dog": 0.1}},
        test={"cost": {"mean": INTERVAL, "most_probable": INTERVAL | {"value": 0.7}}},
    )
    _, decided, cost = model_told(facts)
    assert decided.endswith("as common as this: cat 0.9, dog 0.1.")
    assert cost == (
        "On the test images they cost 0.4 an image (95 % interval 0.3 to 0.55); calling the most probable class costs "
        "0.7."
    )


def test_the_command_says_what_was_stated() -> None:
    assert stated({}) == []
    words = stated({"distil": True, "costs": {"cat": {}}, "prior": {"cat": 0.9, "dog": 0.1}})
    assert words == ["--distil", "--costs", "RUN/costs.csv", "--prior", "cat=0.9,dog=0.1"]
    assert stated({"costs": {"cat": {}}, "prior": "balanced"})[-1] == "balanced"
