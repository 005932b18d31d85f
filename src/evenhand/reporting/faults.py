"""What is wrong with the data, in plain sentences."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from markupsafe import Markup

from evenhand.records.audit import Audit
from evenhand.reporting.words import counted, listed, name, number, spelled, spelled_number, starting

LOPSIDED = 1.5
"""Largest over smallest class from which the counts are called lopsided."""
MANY = 0.05
"""Share of wrong labels that is no trifle any more."""
LEAST_PAIR = 0.5
"""Estimated images from which a pair of classes is said to be mixed up."""
TRIFLE = 0.1
"""Share of the commonest mix-up below which the verdict passes over another."""


class Imbalance(NamedTuple):
    """The largest and the smallest training class, and how many times the one is larger."""

    large: str
    small: str
    ratio: float


def imbalance(audit: Audit) -> Imbalance | None:
    """Return how unequal the training classes are; None with fewer than two classes.

    Classes without any training image are left out: they are named by another sentence.
    """
    counts = {label: count for label, count in audit.counts["train"].items() if count}
    if len(counts) < 2:
        return None
    large, small = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    return Imbalance(large, small, counts[large] / counts[small])


def times(ratio: float) -> str:
    """Return a ratio as people say it: ``1.8``, ``22``."""
    return f"{ratio:.1f}".removesuffix(".0") if ratio < 10 else number(ratio)


def wrong_labels_found(audit: Audit) -> bool:
    """Return whether the number of wrong labels is surely above none."""
    return audit.wrong_labels is not None and audit.wrong_labels.low >= 1


def wrong_labels_unknown(audit: Audit) -> bool:
    """Return whether it cannot be told if labels are wrong: none may be, or more than one in twenty."""
    wrong = audit.wrong_labels
    if wrong is None:
        return True
    return not wrong_labels_found(audit) and wrong.high > MANY * sum(audit.counts["train"].values())


def fault_sentences(audit: Audit) -> list[Markup]:
    """Return what is wrong with the data, a finding a sentence: counts, labels, copies, odd images, files."""
    found = [*_count_sentences(audit), *label_sentences(audit), *_copy_sentences(audit)]
    if audit.odd:
        found.append(odd_sentence(audit))
    if audit.findings:
        kinds = Counter(row.kind.replace("_", " ") for row in audit.findings)
        found.append(
            Markup("{} could not be taken as {}: {}.").format(
                starting(spelled(len(audit.findings), "file")),
                "it is" if len(audit.findings) == 1 else "they are",
                listed(f"{count} {kind}" for kind, count in kinds.most_common()),
            )
        )
    return found


def _count_sentences(audit: Audit) -> list[Markup]:
    found = []
    lopsided = imbalance(audit)
    if lopsided and lopsided.ratio < LOPSIDED:
        found.append(Markup("The classes are about equally large."))
    elif lopsided:
        counts = audit.counts["train"]
        found.append(
            Markup("The classes are lopsided: {} of {}, but only {} of {}, a ratio of {} to 1.").format(
                counted(counts[lopsided.large], "training image"),
                name(lopsided.large),
                number(counts[lopsided.small]),
                name(lopsided.small),
                times(lopsided.ratio),
            )
        )
    missing = [name(label) for label, count in audit.counts["train"].items() if not count]
    if missing:
        found.append(Markup("No training image at all: {}.").format(listed(missing)))
    return found


def label_sentences(audit: Audit) -> list[Markup]:
    """Return how many training labels are wrong, and of which kind."""
    wrong = audit.wrong_labels
    if wrong is None:
        return [Markup("The labels were not checked.")]
    training = number(sum(audit.counts["train"].values()))
    interval = Markup("95&nbsp;% interval {} to {}").format(number(wrong.low), number(wrong.high))
    named = starting(spelled(len(audit.flagged), "image is named as a suspect", "images are named as suspects"))
    if wrong_labels_unknown(audit):
        return [
            Markup("How many training labels are wrong cannot be told: the estimate is {} of {} ({}). {}.").format(
                number(wrong.value), training, interval, named
            )
        ]
    if not wrong_labels_found(audit):
        return [
            Markup("Few training labels or none are wrong: the estimate is {} of {} ({}). {}.").format(
                number(wrong.value), training, interval, named
            )
        ]
    found = [
        Markup("About {} of {} training labels are wrong ({}). {}.").format(
            number(wrong.value), training, interval, named
        )
    ]
    pairs = [pair for pair in audit.pairs if pair.estimated >= max(LEAST_PAIR, TRIFLE * audit.pairs[0].estimated)][:3]
    if pairs:
        found.append(
            Markup("Most of them are {}.").format(
                listed(
                    Markup("{} filed as {} (about {})").format(
                        name(pair.true), name(pair.given), number(pair.estimated)
                    )
                    for pair in pairs
                )
            )
        )
    return found


def _copy_sentences(audit: Audit) -> list[Markup]:
    groups = {row.group: row.conflict for row in audit.duplicates}
    if not groups:
        return []
    conflicts = sum(groups.values())
    tail = f", {spelled_number(conflicts)} of them with labels that contradict each other" if conflicts else ""
    if conflicts == len(groups):
        tail = ", but labels that contradict each other"
    exact, near = audit.exact_groups, audit.near_groups
    same = f"{spelled(exact, 'group')} of images {'has' if exact == 1 else 'have'} exactly the same pixels"
    alike = f"{'shows' if near == 1 else 'show'} the same picture with other pixels"
    if exact and near:
        same += f" and {spelled_number(near)} more {alike}"
    elif near:
        same = f"{spelled(near, 'group')} of images {alike}"
    found = [Markup("{}{}.").format(starting(same), tail)]
    leaked = sum(row.leaked for row in audit.duplicates)
    if leaked:
        found.append(
            Markup("{} of test images {} among the other images; trained on, they would flatter the test.").format(
                starting(spelled(leaked, "copy", "copies")), "lies" if leaked == 1 else "lie"
            )
        )
    return found


def odd_sentence(audit: Audit) -> Markup:
    """Return how many images are odd, and why."""
    reasons = Counter(image.reason for image in audit.odd)
    return Markup("{} unlike the others: {}.").format(
        starting(spelled(len(audit.odd), "image is", "images are")),
        listed(f"{number(count)} {reason}" for reason, count in reasons.most_common()),
    )
