"""The sentences of a replay: what the reference study published, what was measured, and why the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenhand.records.audit import Audit
from evenhand.reporting.words import counted, listed, number, percent, points, span, spelled, spelled_number, starting
from evenhand.study.published import Published
from evenhand.study.rate_figures import RateStudy
from evenhand.study.rate_words import KIND_WORDS, rate_words
from evenhand.study.reference import ReferenceStudy, Tried

NEAR = 0.05
"""Accuracies that differ by more than this are explained by what the report does not state."""


@dataclass(frozen=True)
class Beside:
    """A section in short: what the study published, what was measured here, why they differ. Sentences each."""

    published: tuple[str, ...]
    measured: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """An accuracy as published and as measured."""

    name: str
    published: float
    measured: float
    reasons: tuple[str, ...]
    """What the report does not say of it."""

    @property
    def near(self) -> bool:
        """Whether the two are within 5 points."""
        return abs(self.measured - self.published) <= NEAR


def gaps(study: ReferenceStudy, theirs: Published) -> tuple[Gap, ...]:
    """Return every published accuracy beside the measured one, the baseline's first where there is one."""
    found = []
    if study.baseline:
        found.append(Gap("the baseline", theirs.baseline.accuracy, study.baseline.given.accuracy.value, ()))
    measured = {one.name: one for one in study.experiments}
    return (
        *found,
        *(
            Gap(one.name, one.accuracy, measured[one.name].given.accuracy.value, one.unstated)
            for one in theirs.experiments
            if one.name in measured
        ),
    )


def alike(audit: Audit, theirs: Published) -> tuple[bool, bool]:
    """Return whether the training images, and the test images, are as many of each class as the study's."""
    named = theirs.named(audit.classes)

    def same(split: str, counts: Sequence[int]) -> bool:
        return bool(named) and [audit.counts[split][named[name]] for name in theirs.classes] == list(counts)

    return same("train", theirs.training), same("test", theirs.testing)


def headline(study: ReferenceStudy, audit: Audit, theirs: Published) -> str:
    """Return the sentence that a reader in a hurry takes away."""
    found = gaps(study, theirs)
    near = sum(gap.near for gap in found)
    if not (all(alike(audit, theirs)) and study.faithful and near):
        return "The reference study's experiments, repeated on other terms"
    return (
        f"{starting(spelled_number(near))} of {spelled(len(found), 'published accuracy', 'published accuracies')} "
        + ("come out within five points")
    )


def summary(study: ReferenceStudy, audit: Audit) -> Iterator[str]:
    """Yield the sentences below it."""
    wrong = study.wrong
    yield (
        f"About {number(wrong.value)} of the {counted(sum(audit.counts['train'].values()), 'training label')} are "
        f"wrong (95 % interval {number(wrong.low)} to {number(wrong.high)}), by a check with networks that had not "
        "seen the image in question. Against such labels an accuracy rewards a network that repeats their mistakes."
    )
    everything = rows_of(study)
    best = max(everything, key=lambda one: one.given.accuracy.value)
    truest = max(everything, key=_expected)
    told = best.expected
    yield (
        f"The highest accuracy on the labels as given, {percent(best.given.accuracy.value)}, is that of "
        f"“{shown(best)}”; expected on the true labels, with every class counting the same, it is right about "
        f"{percent(told.balanced_accuracy.value) if told else '–'}. There “{shown(truest)}” comes out highest, with "
        f"{percent(_expected(truest))}. Nothing was chosen by these figures: they are of the images that judge."
    )


def _expected(one: Tried) -> float:
    return one.expected.balanced_accuracy.value if one.expected else 0.0


def rows_of(study: ReferenceStudy) -> tuple[Tried, ...]:
    """Return every network that was trained: each experiment, with its labels repaired below it, then the rest."""
    found: list[Tried] = []
    for one in study.experiments:
        found += [one, *(other for other in study.undone if other.name == one.name)]
    named = {one.name for one in study.experiments}
    return (*found, study.final, *(one for one in study.undone if one.name not in named))


def shown(one: Tried) -> str:
    """Return what a network is called in a sentence."""
    repair = "" if one.repair == "none" else ", suspects left out"
    return f"{one.name}{repair}"


def data_words(study: ReferenceStudy, audit: Audit, theirs: Published) -> Beside:
    """Return the section on the data in short."""

    def listing(names: Sequence[str], counts: Sequence[int]) -> str:
        return str(listed([f"{number(count)} labelled {name}" for name, count in zip(names, counts, strict=True)]))

    trained, tested = (audit.counts[split] for split in ("train", "test"))
    measured = [
        f"{counted(sum(trained.values()), 'training image')}: {listing(audit.classes, list(trained.values()))}."
    ]
    if sum(tested.values()):
        measured.append(
            f"{counted(sum(tested.values()), 'test image')}: {listing(audit.classes, list(tested.values()))}."
        )
    left = sum(trained.values()) - study.trained_on if study.judged_on == "test" else 0
    if left:
        measured.append(
            f"{counted(left, 'training image is a copy', 'training images are copies')} of test images, or nearly so. "
            "Nothing was trained on them: a network may know them by heart."
        )
    same = alike(audit, theirs)
    if all(same):
        why = ["By their number in each class these are the study's own images."]
    elif not theirs.named(audit.classes):
        why = ["These are other classes than the study's: what follows is the same work on another task."]
    else:
        which = "training" if not same[0] else "test"
        if not any(same):
            which = "training and test"
        why = [
            f"The {which} images are others than the study's, by their number in each class. Accuracy, precision and "
            "F1 depend on the shares of the classes, so figures cannot be compared one by one; recall can."
        ]
    if left and any(same):
        why.append("The study did not look for copies, and trained on them.")
    return Beside(
        (
            f"{counted(theirs.trained_on, 'training image')}: {listing(theirs.classes, theirs.training)}.",
            f"{counted(theirs.tested_on, 'test image')}: {listing(theirs.classes, theirs.testing)}.",
        ),
        tuple(measured),
        tuple(why),
    )


def baseline_words(study: ReferenceStudy, theirs: Published) -> Beside:
    """Return the section on the checkpoint in short."""
    base, own = theirs.baseline, study.baseline
    published = (
        f"Accuracy {percent(base.accuracy)}; macro averages of precision, recall and F1: {_averages(base.macro)}; "
        f"weighted: {_averages(base.weighted)}. It calls everything {theirs.classes[0]}.",
    )
    if own is None:
        return Beside(published, ("Nothing: no checkpoint was given.",), ("Name one with --baseline FILE.",))
    figures = own.given
    measured = [
        f"Accuracy {percent(figures.accuracy.value)} ({span(figures.accuracy.low, figures.accuracy.high)}); macro "
        f"averages {_averages(figures.macro_average)}; weighted {_averages(figures.weighted_average)}.",
        f"Balanced accuracy {percent(figures.balanced_accuracy.value)}: guessing would earn "
        f"{percent(1 / len(figures.classes))}.",
    ]
    if own.expected:
        measured.append(f"Expected on the true labels, its accuracy is {percent(own.expected.accuracy)}.")
    same = abs(figures.accuracy.value - base.accuracy) < 5e-5
    why = (
        "The figures agree." if same else "The images or the checkpoint are others: evaluating draws nothing at random."
    )
    return Beside(published, tuple(measured), (why,))


def _averages(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.3f}".removeprefix("0") for value in values)


def remedy_words(study: ReferenceStudy, audit: Audit, theirs: Published) -> Beside:
    """Return the section on the experiments in short."""
    found = [gap for gap in gaps(study, theirs) if gap.name != "the baseline"]
    low, high = (pick(found, key=lambda gap: gap.published) for pick in (min, max))
    small, large = (pick(found, key=lambda gap: gap.measured) for pick in (min, max))
    published = (
        f"Accuracies from {percent(low.published)} ({low.name}) to {percent(high.published)} ({high.name}), each of a "
        "single training; the method was chosen by them.",
    )
    near = [gap for gap in found if gap.near]
    measured = (
        f"Accuracies from {percent(small.measured)} ({small.name}) to {percent(large.measured)} ({large.name}), each "
        f"of a single training on {counted(study.trained_on, 'image')}, judged on {counted(study.n, 'image')}.",
        f"{starting(spelled_number(len(near)) if near else 'none')} of {spelled_number(len(found))} "
        f"{'is' if len(near) == 1 else 'are'} within 5 points of what was published.",
    )
    return Beside(published, measured, tuple(_reasons(study, audit, theirs, found)))


def _reasons(study: ReferenceStudy, audit: Audit, theirs: Published, found: Sequence[Gap]) -> Iterator[str]:
    if not study.faithful:
        yield "The number of epochs was changed for this replay, so networks are trained otherwise than the study's."
    if not all(alike(audit, theirs)):
        yield "The images are others than the study's, so that figures cannot be compared one by one."
        return
    far = [gap for gap in found if not gap.near]
    yield f"The report does not state {theirs.unstated[0]}; and {theirs.unstated[1]}."
    if far:
        yield "What else it does not say where the two lie more than 5 points apart stands below the table."


def unstated(study: ReferenceStudy, audit: Audit, theirs: Published) -> Iterator[str]:
    """Yield, for each experiment that lies more than 5 points off, what the report does not say of it."""
    if not all(alike(audit, theirs)):
        return
    for gap in gaps(study, theirs):
        if not gap.near:
            reasons = "; ".join(gap.reasons or theirs.unstated[:1])
            yield f"{starting(gap.name)}, {points(gap.measured - gap.published)} points: {reasons}."


def final_words(study: ReferenceStudy, theirs: Published) -> Beside:
    """Return the section on the final model in short."""
    final, ours = theirs.final, study.final.given
    added = sum(study.refit)
    return Beside(
        (
            f"{final.name} was chosen, trained for {final.epochs} epochs, then once more on everything: training, "
            f"synthetic and test images, {number(final.examples)} examples. No figure of either was published.",
        ),
        (
            f"{final.name} for {counted(study.final.epochs, 'epoch')}: accuracy {percent(ours.accuracy.value)} "
            f"({span(ours.accuracy.low, ours.accuracy.high)}), macro F1 {_figure(ours.macro_f1.value)}.",
            f"Once more on everything: {number(added)} examples an epoch. It lies in the run's folder model, and no "
            "figure of it can be had: no image is left that it has not seen.",
        ),
        (
            "The study added the test images to the examples that it had made; here SMOTE is applied to all images "
            "together, so that all classes are equally large again.",
        )
        if added != final.examples
        else ("The figures agree.",),
    )


def _figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def rate_section(rates: RateStudy | None, theirs: Published) -> Beside:
    """Return the section on learning rates in short."""
    small, large = (rate_words(rate) for rate in theirs.rates)
    published = (
        f"{counted(theirs.rate_epochs, 'epoch')} at {small}: the loss does not move, steps are too small. At {large} "
        "it diverges: each step jumps over the minimum.",
    )
    if rates is None:
        return Beside(published, ("Nothing.",), ("A training has too few steps here for a verdict.",))
    measured = tuple(
        f"{counted(rates.epochs, 'epoch')} at {rate_words(row.rate)}: {KIND_WORDS[row.verdict.kind]}."
        for row in rates.rows
    )
    kinds = [row.verdict.kind for row in rates.rows]
    agree = kinds[:1] == ["too_small"] and kinds[-1:] == ["diverges"]
    why = (
        "They agree."
        if agree
        else "Whether a rate is too large depends on the images and the random draws as well; the report shows one "
        "training each. The evidence for each verdict stands below."
    )
    return Beside(published, measured, (why,))


def attack_section(told: Sequence[Mapping[str, Any]]) -> Beside:
    """Return the section on attacks in short."""
    return Beside(
        (
            "Optimised noise aimed at a class, begun at zeros, white or Gaussian: zeros looked best, Gaussian fooled "
            "the model sooner. The fast gradient sign method: fast, does not always work, and shows more the larger "
            "its eps. Single images, no rates of success.",
        ),
        tuple(_attack(one) for one in sorted(told, key=_order)),
        (
            "The report shows pictures, here are counts. Its number of steps, its step size, its C and its eps are "
            "not stated.",
        ),
    )


def _order(one: Mapping[str, Any]) -> tuple[bool, str, float, bool]:
    """Return the place of an attack: that of the study's two which it described first, plain ones before aimed ones."""
    how = one["settings"]["attack"]
    return how.startswith("fgsm"), how, one["eps"] or 0.0, one["settings"]["target"] is not None


def _attack(one: Mapping[str, Any]) -> str:
    how = one["settings"]["attack"]
    eps = "" if one["eps"] is None else f" with noise of {255 * one['eps']:g}/255"
    aimed = ", aimed at each other class," if one["settings"]["target"] else ""
    rate = "none" if one["success_rate"] is None else percent(one["success_rate"])
    return f"{how}{eps}{aimed} succeeds in {rate} of {number(one['attempted'])} attempts."


def undone_words(study: ReferenceStudy, audit: Audit, theirs: Published) -> Beside:
    """Return the section on what the study left undone in short."""
    known, wrong = theirs.labels, study.wrong
    named = theirs.named(audit.classes)
    pair = (
        f" {number(study.flagged_pair)} of these are labelled {named[known.label]} and look like {named[known.shows]}."
        if named and study.flagged_pair
        else ""
    )
    every = [one for one in rows_of(study) if one.repair != "none" and one.expected]
    before = {one.name: one for one in (*study.experiments, *study.undone) if one.repair == "none"}
    gains = [_expected(one) - _expected(before[one.name]) for one in every if one.name in before]
    up = sum(gain > 0 for gain in gains)
    return Beside(
        (
            "Tuning, looking for wrong labels and combining methods were named as further thoughts. Afterwards a "
            f"person went through the images by hand and found {number(known.found)} of the {number(known.wrong)} "
            f"{known.shows} images that are labelled {known.label}.",
        ),
        (
            f"About {number(wrong.value)} wrong training labels ({number(wrong.low)} to {number(wrong.high)}); "
            f"{counted(study.flagged, 'image')} named as suspects.{pair}",
            f"With the suspects left out, the balanced accuracy expected on the true labels rises in {number(up)} of "
            f"{counted(len(gains), 'experiment')}: the differences go from {points(min(gains))} to "
            f"{points(max(gains))} points."
            if study.flagged
            else "Nothing is left out by a repair, so the same comes out with it.",
            " ".join(study.tuning)
            or "Nothing was tuned: that takes a time of its own, which --tune 20m would give it.",
        ),
        ("The study measured everything against its own labels, so it could not see what their repair is worth.",),
    )
