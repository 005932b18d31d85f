"""The verdict in plain words: what is wrong with the data, what helps, how good the model is, what to do next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from markupsafe import Markup

from evenhand.evaluation.reading import RELIABLE
from evenhand.records import REPAIR_WORDS, Audit, ClassFigures, RemedyResult
from evenhand.reporting.content import ReportData
from evenhand.reporting.gain import Gain, gain
from evenhand.reporting.words import code, counted, listed, name, number, one_in, percent, points, span

LOPSIDED = 1.5
"""Largest over smallest class from which the counts are called lopsided."""


@dataclass(frozen=True)
class Verdict:
    """Sentences, each safe HTML; a part that has nothing to say is empty."""

    headline: Markup
    summary: Markup
    data: tuple[Markup, ...]
    remedy: tuple[Markup, ...]
    figure: tuple[Markup, ...]
    weak: tuple[Markup, ...]
    steps: tuple[Markup, ...]


def verdict(data: ReportData) -> Verdict:
    """Return what a report says at its top."""
    return Verdict(
        headline=headline(data),
        summary=summary(data),
        data=tuple(data_sentences(data.audit)),
        remedy=tuple(remedy_sentences(data)),
        figure=tuple(figure_sentences(data)),
        weak=tuple(weak_sentences(data)),
        steps=tuple(next_steps(data)),
    )


def headline(data: ReportData) -> Markup:
    """Return the one sentence that a reader in a hurry takes away about the data."""
    audit = data.audit
    parts = []
    training = sum(audit.counts["train"].values())
    if wrong_labels_found(audit) and audit.wrong_labels:
        share = audit.wrong_labels.value / max(1, training)
        parts.append(Markup("About {} training labels {} wrong").format(one_in(share), "are" if share >= 0.3 else "is"))
    ratio = imbalance(audit)
    if ratio and ratio[2] >= LOPSIDED:
        large, small, times = ratio
        parts.append(Markup("{} has {} times as many images as {}").format(name(large), _times(times), name(small)))
    if not parts:
        return Markup("No serious fault was found in these data.")
    return Markup(", and ").join(parts) + "."


def summary(data: ReportData) -> Markup:
    """Return one or two sentences on the model, or on what was not done."""
    figure = data.headline
    chosen = data.chosen
    if figure is None or chosen is None:
        return Markup("The data were audited; nothing was compared or trained.")
    where = "on the test images" if data.test else "on images that it was not trained on"
    words = Markup("The model that was chosen ({}) has a balanced accuracy of {} {}.").format(
        row_name(chosen), percent(figure.balanced_accuracy.value), where
    )
    return words + " " + _in_short(gain(data))


def _in_short(found: Gain | None) -> Markup:
    if found is None:
        return Markup("")
    if found.tied:
        return Markup("It cannot be told apart from plain training.")
    return Markup("In the comparison, out of fold, it was {} points better than plain training.").format(
        points(found.value).removeprefix("+")
    )


def wrong_labels_found(audit: Audit) -> bool:
    """Return whether the estimate of wrong labels is surely above none."""
    return audit.wrong_labels is not None and audit.wrong_labels.low >= 1


def imbalance(audit: Audit) -> tuple[str, str, float] | None:
    """Return the largest and the smallest training class and how many times the one is larger; None without images.

    Classes without any training image are left out: they are named by another sentence.
    """
    counts = {label: count for label, count in audit.counts["train"].items() if count}
    if len(counts) < 2:
        return None
    large, small = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    return large, small, counts[large] / counts[small]


def _times(times: float) -> str:
    return f"{times:.1f}".removesuffix(".0") if times < 10 else number(times)


def data_sentences(audit: Audit) -> list[Markup]:
    """Return what is wrong with the data, a finding a sentence."""
    found = [*_imbalance_sentences(audit), *_label_sentences(audit), *_copy_sentences(audit)]
    if audit.findings:
        kinds = Counter(row.kind.replace("_", " ") for row in audit.findings)
        found.append(
            Markup("{} could not be taken as {}: {}.").format(
                counted(len(audit.findings), "file"),
                "it is" if len(audit.findings) == 1 else "they are",
                listed(f"{count} {kind}" for kind, count in kinds.most_common()),
            )
        )
    return found


def _imbalance_sentences(audit: Audit) -> list[Markup]:
    found = []
    ratio = imbalance(audit)
    if ratio:
        large, small, times = ratio
        counts = audit.counts["train"]
        if times < LOPSIDED:
            found.append(Markup("The classes are about equally large."))
        else:
            found.append(
                Markup("The classes are lopsided: {} of {}, but only {} of {}, a ratio of {} to 1.").format(
                    counted(counts[large], "training image"),
                    name(large),
                    number(counts[small]),
                    name(small),
                    _times(times),
                )
            )
    missing = [name(label) for label, count in audit.counts["train"].items() if not count]
    if missing:
        found.append(Markup("No training image at all: {}.").format(listed(missing)))
    return found


def _label_sentences(audit: Audit) -> list[Markup]:
    wrong = audit.wrong_labels
    if wrong is None:
        return [Markup("The labels were not checked.")]
    training = sum(audit.counts["train"].values())
    interval = Markup("95&nbsp;% interval {} to {}").format(number(wrong.low), number(wrong.high))
    if not wrong_labels_found(audit):
        return [
            Markup("Few or no training labels are wrong: the estimate is {} of {} ({}).").format(
                number(wrong.value), number(training), interval
            )
        ]
    found = [
        Markup("About {} of {} training labels are wrong ({}); {} named as suspects.").format(
            number(wrong.value),
            number(training),
            interval,
            counted(len(audit.flagged), "image is", "images are"),
        )
    ]
    pairs = [(given, true, value) for given, true, value in audit.pairs if value >= 0.5][:3]
    if pairs:
        found.append(
            Markup("Where they lie: {}.").format(
                listed(
                    Markup("about {} of {} filed as {}").format(number(value), name(true), name(given))
                    for given, true, value in pairs
                )
            )
        )
    return found


def _copy_sentences(audit: Audit) -> list[Markup]:
    groups = {row.group: row.conflict for row in audit.duplicates}
    if not groups:
        return []
    found = [
        Markup("{} of images with exactly the same pixels{}.").format(
            counted(len(groups), "group"),
            f", {number(sum(groups.values()))} of them with labels that contradict each other"
            if any(groups.values())
            else "",
        )
    ]
    leaked = sum(row.leaked for row in audit.duplicates)
    if leaked:
        found.append(
            Markup("{} of test images {} among the other images; left in, they would flatter the test.").format(
                counted(leaked, "copy", "copies"), "lies" if leaked == 1 else "lie"
            )
        )
    return found


def row_name(row: RemedyResult) -> Markup:
    """Return a row of the leaderboard in words: ``plain training``, ``sampler, suspects left out``."""
    base = Markup("plain training") if row.remedy == "none" else code(row.remedy)
    if row.repair == "none":
        return base
    return base + f", suspects {REPAIR_WORDS.get(row.repair, row.repair)}"


def remedy_sentences(data: ReportData) -> list[Markup]:
    """Return which remedy helps and by how much; ties are said to be ties."""
    chosen, plain = data.chosen, data.plain
    if chosen is None:
        return []
    if plain is None:
        found = [Markup("Chosen: {}. Plain training was not among the candidates.").format(row_name(chosen))]
    elif chosen is plain:
        found = [Markup("No remedy did better than plain training, so none was used.")]
    else:
        found = _gain_sentences(chosen, plain, gain(data))
    ties = [row_name(row) for row in data.results if row is not chosen and data.is_tied(row)]
    if ties:
        found.append(
            Markup("{} cannot be told apart from it: {}.").format(counted(len(ties), "other candidate"), listed(ties))
        )
    elif len(data.results) > 1:
        found.append(Markup("Every other candidate is worse by more than chance explains."))
    return found


def _gain_sentences(chosen: RemedyResult, plain: RemedyResult, found: Gain | None) -> list[Markup]:
    if found is None:
        return []
    reach = (
        Markup("95&nbsp;% interval {} to {} points").format(points(found.interval.low), points(found.interval.high))
        if found.interval
        else Markup("from a single hold-out set, so without an interval across folds")
    )
    figures = Markup("{} against {}").format(
        percent(chosen.evaluation.balanced_accuracy.value), percent(plain.evaluation.balanced_accuracy.value)
    )
    if found.tied:
        words = Markup(
            "{} came out first, but cannot be told apart from plain training: {} balanced accuracy, a difference of {} "
            "points ({})."
        )
    elif found.value > 0:
        words = Markup("{} beats plain training: {} balanced accuracy out of fold, a gain of {} points ({}).")
    else:
        words = Markup("{} is not better than plain training: {} balanced accuracy, a difference of {} points ({}).")
    sentences = [words.format(row_name(chosen), figures, points(found.value), reach)]
    if not found.same_network:
        sentences.append(
            Markup("Part of that may be the network: {} was judged with {}, plain training with {}.").format(
                row_name(chosen), code(chosen.model), code(plain.model)
            )
        )
    return sentences


def figure_sentences(data: ReportData) -> list[Markup]:
    """Return the honest figure of the final model and where it comes from."""
    figure = data.headline
    if figure is None:
        return []
    balanced = figure.balanced_accuracy
    reach = Markup("{} (95&nbsp;% interval {})").format(percent(balanced.value), span(balanced.low, balanced.high))
    if data.test is None:
        return [Markup("There is no test set. The honest figure is {} {}.").format(_origin(data), reach)]
    found = [
        Markup(
            "Balanced accuracy on {}: {}. The test images were read once, after the choice had been written down."
        ).format(counted(figure.n, "test image"), reach)
    ]
    if data.test.corrected:
        other = data.test.corrected.balanced_accuracy
        found.append(
            Markup("On corrected test labels it is {} ({}).").format(percent(other.value), span(other.low, other.high))
        )
    if data.model and data.model.trained_on == "all":
        found.append(
            Markup(
                "The model that was kept was then trained once more on every image, test images included; no figure "
                "can be given for it."
            )
        )
    return found


def _origin(data: ReportData) -> str:
    if single_hold_out(data):
        return "that of a single hold-out set, on which the choice was made too, so it flatters a little:"
    return "the nested out-of-fold one, where every fold is predicted by the remedy that the other folds choose:"


def single_hold_out(data: ReportData) -> bool:
    """Return whether the comparison held out one part of the training images only."""
    return data.folds is not None and len(set(data.folds.tolist())) < 2


def weak_classes(data: ReportData) -> list[ClassFigures]:
    """Return the classes that are not handled without reservation, worst first; those without images left out."""
    if data.headline is None:
        return []
    rows = [row for row in data.headline.per_class if row.support and min(row.precision, row.recall) < RELIABLE]
    return sorted(rows, key=lambda row: (row.f1, row.name))


def weak_sentences(data: ReportData) -> list[Markup]:
    """Return the classes that the model handles badly, five at most, with their reading."""
    if data.headline is None:
        return []
    rows = weak_classes(data)
    if not rows:
        return [
            Markup("Every class is handled well: precision and recall are at least {}.").format(percent(RELIABLE, 0))
        ]
    found = [
        Markup("{}: recall {}, precision {}. {}").format(
            name(row.name), percent(row.recall, 0), percent(row.precision, 0), row.reading
        )
        for row in rows[:5]
    ]
    if len(rows) > 5:
        found.append(Markup("And {} more; see the table of classes.").format(len(rows) - 5))
    return found


def next_steps(data: ReportData) -> list[Markup]:
    """Return what to do next: the three most useful actions."""
    audit = data.audit
    steps = []
    if audit.flagged:
        steps.append(
            Markup("Look at the {} in {} and correct the labels that are wrong.").format(
                counted(len(audit.flagged), "suspect"), code("audit/label_issues.csv")
            )
        )
    conflicts = {row.group for row in audit.duplicates if row.conflict}
    if conflicts:
        steps.append(
            Markup("Decide which label is right for {} ({}).").format(
                counted(len(conflicts), "group of equal pictures", "groups of equal pictures"),
                code("audit/duplicates.csv"),
            )
        )
    if not data.results:
        steps.append(Markup("Compare remedies and train a model: {}.").format(code("evenhand run DATA")))
    steps += [*_collect(data), *_measure(data)]
    if audit.findings:
        steps.append(
            Markup("Repair or remove the {} in {}.").format(
                counted(len(audit.findings), "file"), code("audit/unreadable.csv")
            )
        )
    if data.model:
        steps.append(Markup("Use the model: {}.").format(code("evenhand predict RUN/model PICTURE")))
    return steps[:3]


def _collect(data: ReportData) -> list[Markup]:
    weak = weak_classes(data)
    counts = data.audit.counts["train"]
    largest = max(counts.values(), default=0)
    rare = [row.name for row in weak if counts.get(row.name, 0) * LOPSIDED <= largest][:2]
    if not rare:
        return []
    return [
        Markup("Collect more images of {}: {}.").format(
            listed(name(label) for label in rare),
            listed(Markup("{} is all there is to learn from").format(number(counts.get(rare[0], 0))) for _ in rare[:1]),
        )
    ]


def _measure(data: ReportData) -> list[Markup]:
    found = []
    if data.results and data.test is None:
        found.append(Markup("Keep some images aside and judge the model on them: {}.").format(code("--test FOLDER")))
    ties = [row for row in data.results if data.is_tied(row)]
    if ties and data.reproduce.settings.get("preset") != "thorough":
        found.append(
            Markup("To tell the ties apart, compare again with more folds and seeds: {}.").format(
                code("--preset thorough")
            )
        )
    return found
