"""Whether the comparison picks the right remedy: its order, from out-of-fold data alone, against clean pictures.

python benchmarks/remedy_order.py DATA --test CLEAN [--truth TRUTH.csv --prefix train/] --out RUN [--jobs 2]
python benchmarks/remedy_order.py --kinds [--largest 1000] [--imbalance 100] [--test-images 200] --out RUN [--jobs 2]

The product compares a field of remedies on the labels as given, with its label audit, every candidate with all its
trainings. Then each candidate is trained as a final model: by the same recipe, on all training pictures, --members
times and averaged. Those models are judged on CLEAN, a balanced folder of right labels that nothing before looked at.

Printed are: how far the picked remedy is from the best of the field on CLEAN; in how many of the pairs that CLEAN
itself tells apart (95 %, a class-stratified paired bootstrap over its pictures) the order is the same; Kendall's tau of
these pairs, which is twice that share minus one, and of all. The same is said of the ranking by the labels as given,
and with TRUTH.csv (path, given, true) of the out-of-fold ranking on true labels, which is the most that any estimate of
the true labels could give. A second judgement counts fewer pairs: those told apart whatever the luck of the trainings,
members being judged singly and drawn again too.

--kinds draws the long-tailed set, ten classes whose labels are all right. The same command goes on where it was killed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from evenhand.cli.console import progress
from evenhand.data.demo import clean_kinds, long_tailed
from evenhand.disk import write_table
from evenhand.evaluation.metrics import evaluate
from evenhand.evaluation.paired import balanced_difference
from evenhand.evaluation.resampling import paired_difference
from evenhand.pipeline.desk import Desk, opened
from evenhand.records.values import Interval
from evenhand.settings.commands import REPAIRS, Settings
from evenhand.settings.presets import PRESETS, STANDARD_REMEDIES
from evenhand.study.compare import choose
from evenhand.study.final import stretched, train_final
from evenhand.study.judging import Score, balanced_accuracy, candidates, judge
from evenhand.study.label_audit import WHOLE, audit_labels, refined
from evenhand.training.recipe import Recipe
from hardware import describe
from label_quality import read_truth

NEWER = ("drw", "ldam-drw", "balpoe", "crt", "mislas", "cmo", "logit-adjust:tau=tuned")
LOST, AGREED, TAU = 0.01, 0.85, 0.7
RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Entry:
    """A candidate: its out-of-fold figures, and what its final model says of the clean pictures."""

    name: str
    expected: float
    """Out-of-fold balanced accuracy that the product goes by: expected on the true labels."""
    given: float
    """The same on the labels as given."""
    true: float
    """The same on the true labels; NaN without a table of them."""
    clean: Interval
    """Balanced accuracy of the final model on the clean pictures."""
    right: np.ndarray
    """(n,) bool, whether the final model is right about each clean picture."""
    members: np.ndarray
    """(members, n) bool, the same of each of its trainings alone."""


def main() -> None:
    """Compare, train, judge, print."""
    asked = _words()
    print(describe())
    start = time.perf_counter()
    settings = Settings(
        data=kinds(asked) if asked.kinds else asked.data,
        out=asked.out / "run",
        test=asked.test,
        preset=asked.preset,
        remedies=tuple(asked.remedy or (*STANDARD_REMEDIES, *NEWER)),
        repairs=tuple(asked.repair or ("none",)),
        folds=asked.folds,
        seeds=asked.seeds,
        seed=asked.seed,
        halving=False,
        device=asked.device,
        jobs=asked.jobs,
    )
    truth = read_truth(asked.truth, asked.prefix) if asked.truth else {}
    with opened(settings, "compare", progress(quiet=asked.quiet)) as desk:
        if truth and not truth.keys() & set(desk.manifest.paths):
            raise SystemExit(f"{asked.truth} knows none of these pictures; what do its paths begin with? Say --prefix.")
        entries, picked, labels = measured(desk, asked, truth)
        images, classes = len(desk.bench().rows), desk.manifest.classes
    print(
        f"{images} training pictures of {len(classes)} classes; {asked.folds} folds x {asked.seeds} seeds; final "
        f"models of {asked.members} trainings each, {asked.stretch:g} times the epochs; {len(labels)} clean pictures"
    )
    print_field(entries, asked.out / "remedy_order.csv")
    rankings = {"the product": [entry.expected for entry in entries], "labels as given": [one.given for one in entries]}
    if truth:
        rankings["true labels"] = [entry.true for entry in entries]
    differences = told_apart(entries, labels, len(classes))
    for name, figures in rankings.items():
        first = picked if name == "the product" else int(np.argmax(figures))
        for line in lines(entries, figures, first, differences, name):
            print(line)
    print(f"{time.perf_counter() - start:.0f} s with {asked.jobs} workers; what was there already is not counted")


def kinds(asked: argparse.Namespace) -> Path:
    """Return the file of the long-tailed set with balanced test pictures; it is drawn once."""
    place: Path = asked.out / f"kinds-{asked.largest}-{asked.imbalance:g}-{asked.test_images}-{asked.seed}.npz"
    if not place.exists():
        pixels, labels, classes = long_tailed(asked.largest, asked.imbalance, asked.seed)
        unseen, right, _ = clean_kinds(asked.test_images, asked.seed)
        asked.out.mkdir(parents=True, exist_ok=True)
        partial = place.with_name("partial.npz")
        np.savez(
            partial,
            train_images=pixels,
            train_labels=labels,
            test_images=unseen,
            test_labels=right,
            classes=np.array(classes),
        )
        partial.replace(place)
    return place


def measured(desk: Desk, asked: argparse.Namespace, truth: dict[str, str]) -> tuple[list[Entry], int, np.ndarray]:
    """Return the candidates with all their figures, which of them the product picks, and the clean labels."""
    preset, bench, recipe = desk.preset, desk.bench(), desk.recipe(asked.model)
    examiner = desk.recipe(asked.examiner or preset.examiner)
    audit = audit_labels(bench, examiner, (1,) * preset.rounds, nested=set(preset.repairs) != {"none"})
    field = candidates(preset.remedies, preset.repairs, recipe)
    scores = judge(
        bench, field, audit, trust=desk.settings.trust, seeds=preset.seeds, title=f"Comparing {len(field)} candidates"
    )
    choice = choose(scores, preset.folds)
    chosen = [(score.candidate.remedy, score.candidate.repair) for score in scores]
    repaired = refined(audit, bench, [score.result for score in scores])
    rows = desk.manifest.where("test")
    pixels, labels = desk.scan.dataset.pixels[rows], desk.manifest.given[rows]
    entries = []
    for score in scores:
        targets = bench.workplace.targets(repaired.targets(bench, WHOLE, score.candidate.repair, desk.settings.trust))
        model = train_final(
            bench,
            score.settled or score.candidate.remedy,
            _final(recipe, asked.stretch),
            targets,
            members=asked.members,
            size=desk.scan.dataset.size,
            title=f"Training final models: {score.result.name}",
        )
        believed = model.probabilities(pixels)
        alone = [replace(model, members=(member,)).probabilities(pixels) for member in model.members]
        entries.append(
            Entry(
                score.result.name,
                score.result.judged.value,
                score.result.evaluation.balanced_accuracy.value,
                _on_true(desk, score, truth),
                evaluate(labels, believed, bench.classes).balanced_accuracy,
                believed.argmax(axis=1) == labels,
                np.stack([one.argmax(axis=1) == labels for one in alone]),
            )
        )
    return entries, chosen.index((choice.remedy, choice.repair)), labels


def _final(recipe: Recipe, stretch: float) -> Recipe:
    return recipe if stretch == 1 else stretched(recipe, stretch)


def _on_true(desk: Desk, score: Score, truth: dict[str, str]) -> float:
    """Return the out-of-fold balanced accuracy on the true labels of the pictures that the table knows."""
    manifest, result = desk.manifest, score.result
    known = [place for place, row in enumerate(result.indices) if manifest.paths[row] in truth]
    if not known:
        return float("nan")
    labels = np.array([manifest.classes.index(truth[manifest.paths[row]]) for row in result.indices[known]])
    return balanced_accuracy(labels, result.probabilities[known].argmax(axis=1), len(manifest.classes))


Pair = tuple[int, int]


def told_apart(entries: Sequence[Entry], labels: np.ndarray, n_classes: int) -> dict[str, dict[Pair, Interval]]:
    """Return for every two candidates by how much the first is better on the clean pictures, judged in two ways."""
    even = np.full(n_classes, 1 / n_classes)
    averaged, singly = {}, {}
    for one, other in combinations(range(len(entries)), 2):
        first, second = entries[one], entries[other]
        averaged[one, other] = balanced_difference(
            first.right, second.right, labels, n_classes, seed=SEED, resamples=RESAMPLES
        )
        singly[one, other] = paired_difference(
            first.members, second.members, labels, even, seed=SEED, resamples=RESAMPLES
        )
    return {"averaged models": averaged, "members singly": singly}


def print_field(entries: Sequence[Entry], table: Path) -> None:
    """Print and write the figures of every candidate, the best on the clean pictures first."""
    columns = ["candidate", "expected", "given", "true", "clean", "clean_low", "clean_high", "clean_members"]
    rows = [
        [one.name, one.expected, one.given, one.true, one.clean.value, one.clean.low, one.clean.high, _members(one)]
        for one in sorted(entries, key=lambda one: -one.clean.value)
    ]
    write_table(table, columns, rows)
    for name, expected, given, true, clean, low, high, members in rows:
        known = "" if np.isnan(float(true)) else f", on true labels {true:.4f}"
        print(
            f"  {name}: clean {clean:.4f} ({low:.4f} to {high:.4f}; each training {members}); out of fold expected "
            f"{expected:.4f}, on given labels {given:.4f}{known}"
        )


def _members(entry: Entry) -> str:
    return " ".join(f"{share:.4f}" for share in entry.members.mean(axis=1))


def lines(
    entries: Sequence[Entry],
    figures: Sequence[float],
    picked: int,
    differences: dict[str, dict[Pair, Interval]],
    name: str,
) -> list[str]:
    """Return what is to be said of one ranking."""
    best = int(np.argmax([entry.clean.value for entry in entries]))
    lost = entries[best].clean.value - entries[picked].clean.value
    told = [
        f"{name} picks {entries[picked].name}, {entries[picked].clean.value:.4f} on clean pictures; the best of "
        f"{len(entries)} is {entries[best].name}, {entries[best].clean.value:.4f}: {100 * lost:.2f} points less"
        f"{_reach(differences['averaged models'], best, picked)}, target at most {100 * LOST:.0f}: {_met(lost <= LOST)}"
    ]
    everyone = kendalltau(figures, [entry.clean.value for entry in entries]).statistic
    for way, pairs in differences.items():
        apart = {pair: found.value for pair, found in pairs.items() if found.low > 0 or found.high < 0}
        if not apart:
            told.append(f"  {way}: the clean pictures tell no two candidates apart")
            continue
        # A tie in the ranking is half right.
        agreed = sum(
            (1 + np.sign((figures[one] - figures[other]) * value)) / 2 for (one, other), value in apart.items()
        )
        share = agreed / len(apart)
        told.append(
            f"  {way}: {len(apart)} of {len(pairs)} pairs told apart, same order in {agreed:g} ({share:.1%}), target "
            f"{AGREED:.0%}: {_met(share >= AGREED)}; Kendall's tau of these {2 * share - 1:.3f}, target {TAU}: "
            f"{_met(2 * share - 1 >= TAU)}"
        )
    return [*told, f"  Kendall's tau of all pairs {everyone:.3f}"]


def _reach(pairs: dict[Pair, Interval], best: int, picked: int) -> str:
    """Return the interval of what was lost; it leans upwards, for the best was picked by these same pictures."""
    if best == picked:
        return ""
    found = pairs[min(best, picked), max(best, picked)]
    low, high = (found.low, found.high) if best < picked else (-found.high, -found.low)
    return f" (95 % interval {100 * low:.2f} to {100 * high:.2f})"


def _met(reached: bool) -> str:
    return "met" if reached else "MISSED"


def _words() -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path, nargs="?")
    words.add_argument("--test", type=Path, help="clean pictures, one folder a class")
    words.add_argument("--truth", type=Path)
    words.add_argument("--prefix", default="", help="what the paths of TRUTH.csv begin with and those of DATA do not")
    words.add_argument("--kinds", action="store_true", help="the long-tailed demo set instead of DATA")
    words.add_argument("--largest", type=int, default=1000)
    words.add_argument("--imbalance", type=float, default=100.0)
    words.add_argument("--test-images", type=int, default=200, help="clean pictures a class of --kinds")
    words.add_argument("--out", type=Path, required=True, help="everything is kept here, and goes on from here")
    words.add_argument("--preset", choices=PRESETS, default="standard", help="gives the recipe and the examiner")
    words.add_argument("--model", default="simple")
    words.add_argument("--examiner", help="network of the label audit; by default that of the preset")
    words.add_argument("--remedy", action="append", help="again for each; by default the standard ones and newer ones")
    words.add_argument("--repair", action="append", choices=REPAIRS, help="again for each; by default none")
    words.add_argument("--folds", type=int, default=4)
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--members", type=int, default=3, help="trainings of each final model")
    words.add_argument("--stretch", type=float, default=1.0, help="epochs of a final model, as a multiple")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--device", default="auto")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--quiet", action="store_true")
    asked = words.parse_args()
    if asked.kinds == bool(asked.data):
        words.error("name DATA with --test CLEAN, or say --kinds")
    if asked.data and not asked.test:
        words.error("--test CLEAN is needed: pictures whose labels are right")
    return asked


if __name__ == "__main__":
    main()
