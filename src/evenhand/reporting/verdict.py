"""The verdict in plain words: what is wrong with the data, what helps, how good the model is, what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evenhand.evaluation.reading import RELIABLE
from evenhand.records.comparison import REPAIR_WORDS, RemedyResult
from evenhand.records.evaluation import ClassFigures
from evenhand.reporting.content import ReportData
from evenhand.reporting.faults import (
    LOPSIDED,
    fault_sentences,
    imbalance,
    times,
    wrong_labels_found,
    wrong_labels_unknown,
)
from evenhand.reporting.gain import Gain, gain
from evenhand.reporting.studied import studied, study_steps
from evenhand.reporting.words import (
    HALF,
    ONE_IN,
    code,
    counted,
    listed,
    name,
    one_in,
    percent,
    points,
    sentence,
    spaced,
    span,
    spelled,
    spelled_number,
    starting,
)

VAGUE = 2.0
"""Upper end of the estimate of wrong labels, over its value, from which the headline says "perhaps"."""


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
        data=tuple(fault_sentences(data.audit)),
        remedy=tuple(remedy_sentences(data)),
        figure=tuple(figure_sentences(data)),
        weak=tuple(weak_sentences(data)),
        steps=tuple(next_steps(data)),
    )


def headline(data: ReportData) -> Markup:
    """Return the one sentence on the data that a reader in a hurry takes away."""
    if only := studied(data):
        return only.headline
    audit = data.audit
    parts = []
    if audit.wrong_labels and wrong_labels_found(audit):
        share = audit.wrong_labels.value / max(1, sum(audit.counts["train"].values()))
        vague = audit.wrong_labels.high > VAGUE * audit.wrong_labels.value
        hedge = "perhaps " if vague else "" if share > HALF else "about "
        parts.append(
            Markup("{}{} training labels {} wrong").format(hedge, one_in(share), "is" if share < ONE_IN else "are")
        )
    lopsided = imbalance(audit)
    if lopsided and lopsided.ratio >= LOPSIDED:
        parts.append(
            Markup("{} has {} times as many images as {}").format(
                name(lopsided.large), times(lopsided.ratio), name(lopsided.small)
            )
        )
    if not parts and wrong_labels_unknown(audit):
        return Markup("The classes are about equally large; how many labels are wrong is not known.")
    if not parts:
        return Markup("No serious fault was found in these data.")
    first, *rest = parts
    return Markup(", and ").join([_starting(first), *rest]) + "."


def _starting(text: Markup) -> Markup:
    return text if text.startswith("<") else Markup(starting(text))  # noqa: S704 - a capital letter adds no markup


def summary(data: ReportData) -> Markup:
    """Return one or two sentences on the model, or on what was not done."""
    figure, chosen = data.headline, data.chosen
    if only := studied(data):
        return only.summary
    if figure is None or chosen is None:
        return Markup("The data were audited. No remedy was compared and no model trained.")
    where = "on the test images" if data.test else "on images that it was not trained on"
    found = Markup("Trained with {}, the model has a balanced accuracy of {} {}.").format(
        row_name(chosen), percent(figure.balanced_accuracy.value), where
    )
    if chosen is data.plain:
        found = Markup("Trained plainly, the model has a balanced accuracy of {} {}; no remedy did better.").format(
            percent(figure.balanced_accuracy.value), where
        )
    return found + _in_short(gain(data))


def _in_short(found: Gain | None) -> Markup:
    if found is None:
        return Markup("")
    if found.tied:
        return Markup(" In the comparison it cannot be told apart from plain training.")
    if found.value <= 0:
        return Markup("")
    return Markup(" In the comparison it beats plain training by {} points.").format(_plus(found.value))


def _plus(value: float) -> str:
    return points(value).removeprefix("+")


def row_name(row: RemedyResult) -> Markup:
    """Return a row of the leaderboard in words: ``plain training``, ``sampler with suspects left out``."""
    base = Markup("plain training") if row.remedy == "none" else code(row.remedy)
    if row.repair == "none":
        return base
    return base + f" with suspects {REPAIR_WORDS.get(row.repair, row.repair)}"


def remedy_sentences(data: ReportData) -> list[Markup]:
    """Return which remedy helps and by how much; ties are said to be ties."""
    chosen, plain = data.chosen, data.plain
    if chosen is None:
        return []
    if plain is None:
        found = [Markup("{} came out first; plain training was not among the candidates.").format(row_name(chosen))]
    elif chosen is plain:
        found = [Markup("No remedy did better than plain training, so none is used.")]
    else:
        found = _gain_sentences(chosen, plain, gain(data))
    return found + _tie_sentences(data)


def _tie_sentences(data: ReportData) -> list[Markup]:
    """Name what is tied with the choice; that plain training is, was said before."""
    ties = [row for row in data.results if row is not data.chosen and data.is_tied(row)]
    others = [row_name(row) for row in ties if row is not data.plain]
    if others:
        words = (
            Markup("{} cannot be told apart from it either: {}.")
            if data.plain in ties
            else Markup("{} cannot be told apart from it: {}.")
        )
        return [words.format(starting(spelled(len(others), "other candidate")), listed(others)), *_needed(data)]
    if ties:
        return _needed(data)
    if len(data.results) < 2:
        return []
    stopped = sum(bool(row.stopped) for row in data.results)
    if stopped == len(data.results) - 1:
        return [Markup("All other candidates stopped early.")]
    if stopped:
        words = Markup(
            "Every other candidate trained to the end is worse by more than chance explains; {} stopped early."
        )
        return [words.format(spelled_number(stopped))]
    return [Markup("Every other candidate is worse by more than chance explains.")]


def _needed(data: ReportData) -> list[Markup]:
    """Return what would tell the choice from its ties."""
    return [Markup("{}").format(spaced(data.choice.needed))] if data.choice and data.choice.needed else []


def _gain_sentences(chosen: RemedyResult, plain: RemedyResult, found: Gain | None) -> list[Markup]:
    if found is None:
        return []
    figures = Markup("{} against {} balanced accuracy, out of fold{}").format(
        percent(chosen.judged.value), percent(plain.judged.value), on_true_labels(chosen)
    )
    if found.tied:
        words = Markup(
            "Whether any remedy helps is not known. {} came out first, but cannot be told apart from plain training: "
            "{}; a difference of {} points{}."
        )
        shown = points(found.value)
    elif found.value > 0:
        words, shown = Markup("{} beats plain training: {}; a gain of {} points{}."), _plus(found.value)
    else:
        words, shown = Markup("{} is no better than plain training: {}; {} points{}."), points(found.value)
    sentences = [words.format(row_name(chosen), figures, shown, _reach(found))]
    if not found.same_network:
        sentences.append(
            Markup(
                "A part of the difference may be the network: {} was judged with {}, plain training with {}."
            ).format(row_name(chosen), code(chosen.model), code(plain.model))
        )
    return sentences


def on_true_labels(row: RemedyResult) -> str:
    """Return how the figure that a row is judged by is to be read, where it is not that on the given labels."""
    return " and expected on the true labels" if row.expected else ""


def _reach(found: Gain) -> Markup:
    if found.interval is None:
        return Markup("; no interval can be given from a single training")
    return Markup(" (95&nbsp;% interval {} to {})").format(points(found.interval.low), points(found.interval.high))


def figure_sentences(data: ReportData) -> list[Markup]:
    """Return the honest figure of the final model and where it comes from."""
    figure = data.headline
    if figure is None:
        return []
    balanced = figure.balanced_accuracy
    reach = Markup("{} (95&nbsp;% interval {})").format(percent(balanced.value), span(balanced.low, balanced.high))
    if data.test is None:
        found = [Markup("There is no test set. The honest figure is {} {}.").format(_origin(data), reach)]
    else:
        found = [
            Markup(
                "On {} the balanced accuracy is {}. They were read once, after the choice had been written down."
            ).format(counted(figure.n, "test image"), reach)
        ]
        if data.test.corrected:
            other = data.test.corrected.balanced_accuracy
            found.append(
                Markup("Measured against corrected test labels it is {} ({}).").format(
                    percent(other.value), span(other.low, other.high)
                )
            )
        elif wrong_labels_found(data.audit):
            found.append(
                Markup(
                    "The labels of the test images were taken as they are; where those are wrong too, so is the figure."
                )
            )
    if data.model and data.model.trained_on == "all":
        found.append(
            Markup(
                "The model that was kept was afterwards trained once more on every image, test images included; the "
                "figure is that of its forerunner."
            )
        )
    return found


def _origin(data: ReportData) -> str:
    if single_hold_out(data):
        return "that of a single hold-out set, on which the choice was made too, so it flatters a little:"
    return "the nested out-of-fold one, where every fold is predicted by the candidate that the other folds favour:"


def single_hold_out(data: ReportData) -> bool:
    """Return whether the comparison held out one part of the training images only."""
    return data.held_out == 1


def model_sentence(data: ReportData) -> Markup:
    """Return how the model that was kept was made; nothing where none was."""
    model, chosen = data.model, data.chosen
    if model is None or chosen is None:
        return Markup("")
    networks = (
        Markup("is one {} network, trained").format(code(model.network))
        if model.members == 1
        else Markup("averages {} {} networks, each trained").format(spelled_number(model.members), code(model.network))
    )
    return Markup("The model {} for {} on {}. Remedy: {}.").format(
        networks,
        counted(model.epochs, "epoch"),
        "every image, test images included" if model.trained_on == "all" else "all training images",
        row_name(chosen),
    ) + Markup("").join(f" {line}" for line in model.told)


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
        Markup("<b>{}</b>, recall {}, precision {}: {}").format(
            name(row.name), percent(row.recall, 0), percent(row.precision, 0), _lower(spaced(row.reading))
        )
        for row in rows[:5]
    ]
    if len(rows) > 5:
        found.append(Markup("And {} more; see the table of classes.").format(spelled_number(len(rows) - 5)))
    return found


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def next_steps(data: ReportData) -> list[Markup]:
    """Return what to do next: the three most useful actions."""
    audit = data.audit
    steps = []
    if data.what_next:
        told = sentence(spaced(data.what_next.short().replace("(-", "(−")), audit.classes)
        steps.append(Markup('{}. <a href="#next">What each step would bring</a>.').format(told))
    if audit.flagged:
        steps.append(
            Markup("Settle the {}, the worst first: {}. All are listed in {}.").format(
                counted(len(audit.flagged), "suspect"), code("evenhand review RUN"), code("audit/label_issues.csv")
            )
        )
    steps += study_steps(data)
    if not data.results:
        steps.append(Markup("Compare remedies and train a model: {}.").format(code("evenhand run DATA")))
    conflicts = len({row.group for row in audit.duplicates if row.conflict})
    if conflicts:
        steps.append(
            Markup("Decide which label is right for {} of equal pictures with different labels, in {}.").format(
                spelled(conflicts, "group"), code("audit/duplicates.csv")
            )
        )
    # Where it was measured what more images are worth, rarity alone is no reason.
    steps += [*([] if data.what_next else _collect(data)), *_measure(data)]
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
    """Ask for more images of weak classes that are rare."""
    counts = data.audit.counts["train"]
    largest = max(counts.values(), default=0)
    rare = [row.name for row in weak_classes(data) if counts.get(row.name, 0) * LOPSIDED <= largest][:3]
    if not rare:
        return []
    return [
        Markup("Collect more images of {}, which the model handles badly and has seen few of.").format(
            listed(name(label) for label in rare)
        )
    ]


def _measure(data: ReportData) -> list[Markup]:
    if not data.results:
        return []
    if data.test is None:
        return [Markup("Set images aside and judge the model on them: {}.").format(code("--test FOLDER"))]
    ties = [row for row in data.results if data.is_tied(row)]
    if data.compared:
        found = [(best.seeds, row) for row in ties if (best := data.beside(row).vs_best) and best.seeds is not None]
        seeds, row = min(found, key=lambda one: one[0], default=(0, None))
        if row is None:
            return []
        words = Markup("To tell the choice from {}, train at least {} times a fold: {}.")
        return [words.format(row_name(row), spelled_number(seeds), code(f"--seeds {seeds}"))]
    if ties and data.reproduce.settings.get("preset") != "thorough":
        return [
            Markup("To tell the ties apart, compare with more folds and seeds: {}.").format(code("--preset thorough"))
        ]
    return []
