"""What a learning rate did, in plain words and with the numbers of its own training."""

from __future__ import annotations

from evenhand.study.rate_figures import Finder, RateRow, RateStudy
from evenhand.study.rate_verdict import RateVerdict

KIND_WORDS = {
    "too_small": "too small",
    "slow": "slow",
    "converges": "converges",
    "unstable": "unstable",
    "diverges": "diverges",
}

REASONS = {
    "still": (
        "Every step is so short that the whole training hardly leaves its starting point: the loss is {start} before "
        "it and {final} at its end, and a difference below {blur} could be the noise between batches alone{noise}. "
        "Take larger steps."
    ),
    "unfinished": (
        "The loss falls from {start} to {final}, and it is still falling: at the pace it has, {done} of its way is "
        "done. Steps are short; a larger rate, or more epochs, would go further."
    ),
    "frequencies": (
        "The loss falls from {start} to {final} and stays there. That is what naming every class by its frequency "
        "costs ({chance}), whatever the picture shows: short steps have found out how common the classes are, and "
        "nothing about their looks."
    ),
    "settles": "The loss falls from {start} to {final}{settled}, and noise alone would show no fall above {blur}.",
    "restless": (
        "The loss falls from {start} to {final} and no lower than naming every class by its frequency ({chance}), and"
        " its level wanders more than batches differ by chance. Steps are so long that they keep jumping over what "
        "they aim at."
    ),
    "stuck": (
        "Within the first tenth of the steps the loss falls from {start} to what naming every class by its frequency "
        "costs ({chance}), and there it stays; it ends at {final}. Time was not short: steps so long break a network, "
        "which then no longer looks at the pictures, or the pictures tell nothing. A smaller rate shows which."
    ),
    "returns": (
        "From step {step} on the loss rises above its start ({start}), up to {highest}, and comes back to {final}: "
        "nothing is gained. Steps jump over what they aim at."
    ),
    "relapses": (
        "The loss falls from {start} to {lowest}, but loses more than half of that again, for the first time at step "
        "{step}; it ends at {final}. Steps are so long that they now and then jump out of what they had found."
    ),
    "half_lost": (
        "The loss falls from {start} to {lowest}, but from step {step} on more than half of that is lost again, and "
        "it ends at {final}. Steps are too long to stay with what they had found."
    ),
    "lost": (
        "The loss falls from {start} to {lowest}, but from step {step} on that is lost again, and it ends at {final}."
        " Each step jumps over the minimum and lands higher than it was."
    ),
    "collapsed": (
        "At step {step} the loss rises above its start ({start}), up to {highest}. It ends at {final}, no lower than "
        "naming every class by its frequency costs ({chance}): the long steps have broken the network, and it no "
        "longer looks at the pictures."
    ),
    "grows": (
        "From step {step} on the loss is above its start ({start}) for good; it reaches {highest} and ends at "
        "{final}. Each step jumps over the minimum and lands higher than it was."
    ),
    "nan": (
        "At step {step} the loss is no number any more{reached}. Each step jumped over the minimum and landed higher "
        "than it was, until the numbers of the network overflowed."
    ),
    "infinite": (
        "At step {step} the loss is infinite{reached}. Each step jumped over the minimum and landed higher than it was."
    ),
    "sometimes": (
        "In {alike} of {trainings} trainings the loss diverged, the first time at step {step}: at this rate it is a "
        "matter of luck."
    ),
}
"""A sentence or two for each rule of the verdict."""


def rate_words(rate: float) -> str:
    """Return a rate as people write it: ``1e-10``, ``0.002``."""
    return f"{float(f'{rate:.3g}'):g}"


def loss_words(loss: float | None) -> str:
    """Return a loss with three decimals, a large one with three digits."""
    if loss is None:
        return "no number"
    if abs(loss) >= 1e5:
        return f"{loss:.2e}".replace("e+0", "e").replace("e+", "e")
    return f"{loss:,.0f}" if abs(loss) >= 1000 else f"{loss:.1f}" if abs(loss) >= 100 else f"{loss:.3f}"


def explain(row: RateRow, study: RateStudy) -> str:
    """Return what the training at a rate shows, with its numbers."""
    verdict = row.verdict
    told = REASONS[verdict.reason].format(
        start=loss_words(verdict.start),
        final=loss_words(verdict.final),
        lowest=loss_words(verdict.lowest),
        highest=loss_words(verdict.highest),
        chance=loss_words(verdict.chance),
        blur=_blur(verdict),
        step=f"{verdict.step:,}" if verdict.step else "",
        done=f"about {round(100 * (verdict.done or 0))} %",
        noise=f" ({loss_words(verdict.noise)} for a single step)" if verdict.noise >= 0.0005 else "",
        reached=f"; the highest loss before was {loss_words(verdict.highest)}" if verdict.highest is not None else "",
        settled=_settled(verdict),
        alike=verdict.alike,
        trainings=verdict.trainings,
    )
    others = _others(verdict)
    return " ".join(part for part in (told, others, _overfitting(row, study)) if part)


def _blur(verdict: RateVerdict) -> str:
    least = max(verdict.blur, 0.01 * abs(verdict.start or 0.0))
    return loss_words(least)


def _settled(verdict: RateVerdict) -> str:
    done = 1.0 if verdict.done is None else verdict.done
    if done >= 0.995:
        return ", where it has settled"
    return f"; at the pace it has, about {round(100 * done)} % of its way is done"


def _others(verdict: RateVerdict) -> str:
    if verdict.trainings == 1 or verdict.reason == "sometimes":
        return ""
    if verdict.alike == verdict.trainings:
        return f"All {verdict.trainings} trainings agree."
    return f"So in {verdict.alike} of {verdict.trainings} trainings; shown are the figures of one of them."


def _overfitting(row: RateRow, study: RateStudy) -> str:
    """Return where the loss on other images turns, when it does so long before the end."""
    curve = row.courses[0].validation
    if row.verdict.kind not in ("converges", "slow") or len(curve) < 3 or any(loss is None for loss in curve):
        return ""
    losses = [loss for loss in curve if loss is not None]
    lowest = min(losses)
    place = losses.index(lowest)
    # Half of what was won on other images, lost again: more than the wobble of a curve.
    won = (study.untrained or losses[0]) - lowest
    if losses[-1] - lowest < 0.1 * max(won, 0.0) or place == len(losses) - 1:
        return ""
    return (
        f"On images held out the loss is lowest after epoch {place + 1} ({loss_words(lowest)}) and "
        f"{loss_words(losses[-1])} at the end: from there on the network learns its training images by heart."
    )


def finder_words(finder: Finder, study: RateStudy) -> list[str]:
    """Return what the range tests suggest, how sure that is, and whether the grid agrees."""
    tests = f"{len(finder.each)} range test{'s' if len(finder.each) != 1 else ''}"
    rates = [rate for rate, _ in finder.tries[0]]
    epochs = f"{finder.epochs} epoch{'s' if finder.epochs != 1 else ''}"
    ends = f"{len(rates)} short trainings of {epochs} each at {rate_words(rates[0])} to {rate_words(rates[-1])}"
    if finder.suggested is None:
        return [f"{tests} of {ends}: every loss ended as no number, so nothing is suggested."]
    sure = (
        f"95 % interval {rate_words(finder.low)} to {rate_words(finder.high)}"
        if finder.low is not None and finder.high is not None
        else "one test has no interval"
    )
    verb = "suggests" if len(finder.each) == 1 else "suggest"
    return [
        f"{tests} of {ends}, judged by the loss on images held out, {verb} {rate_words(finder.suggested)} ({sure}).",
        *_checked(finder, study),
    ]


def _checked(finder: Finder, study: RateStudy) -> list[str]:
    own = study.row(finder.suggested) if finder.suggested is not None else None
    if own is None or study.best is None or finder.suggested is None or len(study.rows) < 2:
        return []
    factor = max(study.best / finder.suggested, finder.suggested / study.best)
    where = f"Trained in full at {len(study.rows)} rates, the best on images held out is {rate_words(study.best)}"
    if study.best == finder.suggested:
        return [f"{where}: the suggestion itself."]
    if own.tied:
        return [f"{where}, a factor of {factor:.2g} from the suggestion, and cannot be told apart from it."]
    return [
        f"{where}, a factor of {factor:.2g} from the suggestion, and better than it beyond chance: rather use that one."
    ]


def summary(study: RateStudy) -> str:
    """Return the study's conclusion in a sentence."""
    if study.suggested is None:
        return "None of these rates trains the network: none converges, and none does so slowly."
    best = study.row(study.suggested)
    ties = [rate_words(row.rate) for row in study.rows if row.tied and row.rate != study.suggested]
    told = f"Suggested learning rate: {rate_words(study.suggested)}"
    if best and best.validation_loss is not None:
        told += f", with a loss of {loss_words(best.validation_loss)} on images held out"
    if ties:
        told += f"; {', '.join(ties)} cannot be told apart from the best"
    return told + "."
