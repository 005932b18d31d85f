"""What is said of a search, in plain words."""

from __future__ import annotations

from evenhand.study.tuning.figures import BETTER, SAME, TIED, Rival, Tuning
from evenhand.study.tuning.settle import DEFAULT


def named(remedy: str, repair: str) -> str:
    """Return what a remedy with a repair is called."""
    words = {"drop": "suspects left out", "relabel": "suspects relabelled", "soft": "suspects softened"}
    return remedy if repair == "none" else f"{remedy}, {words[repair]}"


def summary(found: Tuning) -> list[str]:
    """Return what the search comes to: the best beside the default, then beside the recipe that was searched from."""
    best, number = found.best, len(found.trials)
    first, *others = best.rivals
    figure = f"{100 * best.figure.value:.1f}%"
    if first.verdict == SAME:
        said = [f"None of {number} trials did better than the default, which comes to {figure} on fresh folds."]
    elif first.verdict == BETTER:
        said = [
            f"The best of {number} trials beats the default: on folds that the search did not see its balanced "
            f"accuracy is {figure}, {reach(first)}."
        ]
    elif first.verdict == TIED:
        said = [
            f"The default cannot be beaten beyond chance: on folds that the search did not see the best of {number} "
            f"trials comes to {figure}, {reach(first)}."
        ]
    else:
        said = [
            f"The default is better than the best of {number} trials: on folds that the search did not see that one "
            f"comes to {figure}, {reach(first)}."
        ]
    return [*said, *(_beside(rival, found) for rival in others if rival.verdict != SAME)]


def reach(rival: Rival) -> str:
    """Return how far the best is from a rival, with the interval."""
    gap = rival.difference
    value = points(gap.value)
    where = "above it" if gap.value >= 0 else "below it"
    return f"{value.lstrip('+-')} points {where} (95% interval {points(gap.low)} to {points(gap.high)})"


def points(value: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{round(100 * value, 1) + 0.0:+.1f}"


def rival_name(rival: Rival, found: Tuning) -> str:
    """Return what a rival is called."""
    if rival.name == DEFAULT:
        return f"the default: {named(rival.remedy, rival.repair)}"
    return f"the recipe {found.base} with {named(rival.remedy, rival.repair)}"


def _beside(rival: Rival, found: Tuning) -> str:
    gap = rival.difference
    verdict = "better" if rival.verdict == BETTER else "not told apart" if rival.verdict == TIED else "worse"
    return (
        f"Beside the recipe {found.base} with the same remedy and repair it is {verdict}: {points(gap.value)} points "
        f"(95% interval {points(gap.low)} to {points(gap.high)})."
    )


def method(found: Tuning) -> str:
    """Return how it was searched."""
    stopped = found.stopped
    unfinished = f" {found.unfinished} had no time to end." if found.unfinished else ""
    measure = "expected on the true labels" if found.expected else "on the labels as given"
    return (
        f"{len(found.trials)} trials of the network {found.model}, {found.epochs} epochs each, judged out of fold on "
        f"{found.images:,} images in {found.folds} folds by balanced accuracy, {measure}. {stopped} of them were "
        f"behind the median of the others and got no further folds.{unfinished} The first trials are the recipe "
        f"{found.base} as it is with each remedy, the next are drawn at random, all later ones where good trials are "
        "denser than bad ones (Optuna's tree-structured Parzen estimator)."
    )


def train_words(found: Tuning) -> list[str]:
    """Return the words after ``evenhand train DATA`` that train with the best settings."""
    best = found.best
    words = ["--remedy", best.remedy, "--repair", best.repair, "--model", found.model, "--recipe", found.base]
    for name, value in best.changes.items():
        words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return words
