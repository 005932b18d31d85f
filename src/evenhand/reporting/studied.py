"""What the top of a page says of a study of settings: of learning rates, or a search."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evenhand.reporting.content import ReportData
from evenhand.reporting.rate_view import headline as rate_headline
from evenhand.reporting.tune_view import conclusion
from evenhand.reporting.tune_view import headline as tune_headline
from evenhand.reporting.words import code, spaced
from evenhand.study.rate_words import rate_words, summary


@dataclass(frozen=True)
class Studied:
    """The first sentence, and those after it."""

    headline: Markup
    summary: Markup


def studied(data: ReportData) -> Studied | None:
    """Return what is said where settings were studied and nothing else; None for every other run."""
    if data.rates and not data.results:
        return Studied(rate_headline(data.rates), Markup("{}").format(spaced(summary(data.rates))))
    if data.tuning and not data.results:
        words = " ".join(conclusion(data.tuning))
        return Studied(Markup("{}").format(tune_headline(data.tuning)), Markup("{}").format(words))
    return None


def study_steps(data: ReportData) -> list[Markup]:
    """Return what to do with settings that were found."""
    steps = []
    if data.rates and data.rates.suggested:
        asked = data.reproduce.settings
        named = asked.get("recipe") or ("reference" if asked.get("preset") == "reference" else None)
        words = f"{f'--recipe {named} ' if named else ''}--set learning_rate={rate_words(data.rates.suggested)}"
        steps.append(Markup("Train with this rate: {}.").format(code(words)))
    if data.tuning:
        place = code("evenhand compare DATA --study RUN/tune/best.toml")
        steps.append(
            Markup('<a href="#tuning">Train with the settings found</a>, or compare by them: {}.').format(place)
        )
    return steps
