"""What a study concluded, as files of the run folder: the leaderboard, every row's figures, the choice, the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.disk import write_arrays, write_json, write_table
from evenhand.records.compared import COLUMNS, Compared
from evenhand.records.comparison import Choice, Curve, Judged, RemedyResult
from evenhand.records.evaluation import Evaluation, TestResult
from evenhand.records.values import Interval

LEADERBOARD = (
    "remedy",
    "repair",
    "model",
    "balanced_accuracy",
    "low",
    "high",
    "macro_f1",
    "accuracy",
    "log_loss",
    "ece",
    "expected",
    "expected_low",
    "expected_high",
    "trainings",
    "planned",
    "stopped",
    *COLUMNS,
)


def leaderboard_rows(results: Sequence[RemedyResult], compared: Sequence[Compared] = ()) -> list[dict[str, Any]]:
    """Return one row a result: names, out-of-fold figures rounded to six places; None where there is no audit.

    `trainings` of `planned` were carried out; `stopped` says why not all of them: weak, time, or None.
    """
    return [
        {"remedy": result.remedy, "repair": result.repair, "model": result.model}
        | {
            name: None if value is None else round(value, 6)
            for name, value in (
                ("balanced_accuracy", result.evaluation.balanced_accuracy.value),
                ("low", result.low),
                ("high", result.high),
                ("macro_f1", result.evaluation.macro_f1.value),
                ("accuracy", result.evaluation.accuracy.value),
                ("log_loss", result.evaluation.log_loss.value),
                ("ece", result.evaluation.ece.value),
                ("expected", result.expected.value if result.expected else None),
                ("expected_low", result.expected.low if result.expected else None),
                ("expected_high", result.expected.high if result.expected else None),
            )
        }
        | {"trainings": len(result.by_fold), "planned": result.planned, "stopped": result.stopped or None}
        | beside.cells()
        for result, beside in zip(results, compared or [Compared()] * len(results), strict=True)
    ]


def write_results(
    run: Path, results: Sequence[RemedyResult], choice: Choice, nested: Evaluation, compared: Sequence[Compared] = ()
) -> None:
    """Write ``leaderboard.csv``, ``results.npz``, ``results.json``, ``nested.json`` and, last, ``choice.json``."""
    rows = leaderboard_rows(results, compared)
    write_table(
        run / "leaderboard.csv", list(LEADERBOARD), [[_cell(row[name]) for name in LEADERBOARD] for row in rows]
    )
    arrays = {f"probabilities.{number}": result.probabilities for number, result in enumerate(results)}
    # A candidate that was stopped early has predicted fewer images.
    fewer = {f"indices.{number}": result.indices for number, result in enumerate(results) if result.stopped}
    whole = next(result.indices for result in results if not result.stopped)
    write_arrays(run / "results.npz", arrays | fewer | {"indices": whole})
    beside = [one.to_json() for one in compared]
    described = [
        _described(result) | {"compared": beside[number] if beside else None} for number, result in enumerate(results)
    ]
    write_json(run / "results.json", described)
    write_json(run / "nested.json", nested.to_json())
    write_json(run / "choice.json", asdict(choice))


def read_results(run: Path) -> tuple[tuple[RemedyResult, ...], Choice | None]:
    """Return what `write_results` wrote; nothing when the comparison was not finished."""
    if not (run / "choice.json").is_file():
        return (), None
    described = [
        {name: value for name, value in row.items() if name != "compared"} for row in _json(run / "results.json")
    ]
    chosen = _json(run / "choice.json")
    with np.load(run / "results.npz", allow_pickle=False) as arrays:
        results = tuple(
            RemedyResult(
                **row
                | {
                    "evaluation": Evaluation.from_json(row["evaluation"]),
                    "expected": Interval(**row["expected"]) if row["expected"] else None,
                    "trained_counts": tuple(row["trained_counts"]),
                    "trials": tuple(row["trials"]),
                    "by_fold": tuple(row["by_fold"]),
                    "curve": Curve(**{name: tuple(values) for name, values in row["curve"].items()}),
                    "probabilities": arrays[f"probabilities.{number}"],
                    "indices": arrays[f"indices.{number}" if row.get("stopped") else "indices"],
                }
            )
            for number, row in enumerate(described)
        )
    return results, Choice(**chosen | {"ties": tuple(chosen["ties"])})


def read_compared(run: Path) -> tuple[Compared, ...]:
    """Return what the comparison adds to each row, in their order; nothing where that was not kept."""
    path = run / "results.json"
    found = [row.get("compared") for row in _json(path)] if path.is_file() else []
    return tuple(Compared.from_json(row) for row in found) if all(found) else ()


def read_nested(run: Path) -> Evaluation | None:
    """Return the out-of-fold figures of the whole procedure, the choice included, if they were written."""
    path = run / "nested.json"
    return Evaluation.from_json(_json(path)) if path.is_file() else None


def write_judged(run: Path, judged: Sequence[Judged]) -> None:
    """Write ``judged.json``: every candidate with every network that it was judged with."""
    write_json(run / "judged.json", [asdict(one) for one in judged])


def read_judged(run: Path) -> tuple[Judged, ...]:
    """Return what `write_judged` wrote, if it did."""
    path = run / "judged.json"
    described = _json(path) if path.is_file() else []
    return tuple(
        Judged(
            **row
            | {"figure": Interval(**row["figure"])}
            | {name: tuple(row[name]) for name in ("by_fold", "trials") if name in row}
        )
        for row in described
    )


def write_test(run: Path, result: TestResult) -> None:
    """Write ``test.npz`` and ``test.json``."""
    write_arrays(run / "test.npz", {"probabilities": result.probabilities, "indices": result.indices})
    corrected = result.corrected.to_json() if result.corrected else None
    write_json(run / "test.json", result.evaluation.to_json() | {"corrected": corrected})


def read_test(run: Path) -> TestResult | None:
    """Return what `write_test` wrote, if it did."""
    if not (run / "test.json").is_file():
        return None
    described = _json(run / "test.json")
    corrected = described["corrected"]
    with np.load(run / "test.npz", allow_pickle=False) as arrays:
        return TestResult(
            evaluation=Evaluation.from_json(described),
            probabilities=arrays["probabilities"],
            indices=arrays["indices"],
            corrected=Evaluation.from_json(corrected) if corrected else None,
        )


def _described(result: RemedyResult) -> dict[str, Any]:
    kept = {name: value for name, value in vars(result).items() if name not in ("probabilities", "indices", "seconds")}
    return kept | {
        "evaluation": result.evaluation.to_json(),
        "expected": asdict(result.expected) if result.expected else None,
        # JSON has no NaN; a training that diverged ends its curve where the loss was last a number.
        "curve": {
            name: [value for value in values if np.isfinite(value)] for name, values in vars(result.curve).items()
        },
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6f}" if isinstance(value, float) else "" if value is None else str(value)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
