"""What the report says of the final model beside its figures: calibration, distillation, and how it decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evenhand.reporting.words import spelled_number
from evenhand.settings.costs import COSTS, Uses
from evenhand.study.final_temperature import FinalTemperature


def model_told(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences of what ``model.json`` says; older files say less."""
    taught = made.get("distilled_from")
    if taught:
        yield (
            f"It was taught by {spelled_number(taught['members'])} networks trained in the same way, on every image as "
            "it was shown to it; all figures are those of the one that is kept."
        )
    if made.get("calibration"):
        sentence = FinalTemperature.from_json(made["calibration"]).sentence()
        yield sentence.replace("Its logits", "The logits of its teachers", 1) if taught else sentence
    classes = made.get("classes", ())
    decision = Uses.from_json(made, classes).decision
    if decision:
        mix = ", ".join(f"{name} {share:.3g}" for name, share in zip(classes, decision.used_for or (), strict=False))
        yield (
            "Decisions are those of least expected cost by the table that was stated"
            + (f", for classes that are as common as this: {mix}." if mix else ".")
        )
    tested = made.get("test") or {}
    if tested.get("cost"):
        cost, probable = tested["cost"]["mean"], tested["cost"]["most_probable"]["value"]
        yield (
            f"On the test images they cost {cost['value']:.3g} an image (95 % interval {cost['low']:.3g} to "
            f"{cost['high']:.3g}); calling the most probable class costs {probable:.3g}."
        )


def stated(settings: Mapping[str, Any]) -> list[str]:
    """Return the words of a command that ask for a distilled model, and for decisions by cost."""
    words = ["--distil"] if settings.get("distil") else []
    if settings.get("costs"):
        words += ["--costs", f"RUN/{COSTS}"]
    prior = settings.get("prior")
    if prior:
        words += ["--prior", prior if isinstance(prior, str) else ",".join(f"{k}={v:.6g}" for k, v in prior.items())]
    return words
