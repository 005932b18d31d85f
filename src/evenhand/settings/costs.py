"""What mistakes cost: the table that a person states, and for which mix of classes decisions are made."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.errors import UsageError, suggest

WORDS = ("balanced", "training")
"""Priors of use that have a name: equally common classes, and as common as in the training images."""
COSTS = "costs.csv"
"""What a run keeps of the costs that were stated."""
Prior = str | Mapping[str, float]
"""One of `WORDS`, or the share of each class."""


@dataclass(frozen=True)
class Costs:
    """A cost for each true class (row) and decision (column), in the order of `classes`; finite and not negative."""

    classes: tuple[str, ...]
    table: tuple[tuple[float, ...], ...]

    def ordered(self, classes: Sequence[str]) -> Costs:
        """Return the costs in the order of a model's or a data set's classes.

        Raises
        ------
        UsageError
            When they are of other classes.
        """
        missing = [name for name in classes if name not in self.classes]
        strange = [name for name in self.classes if name not in classes]
        if missing or strange:
            words = [f"has no {', '.join(missing)}"] if missing else []
            words += [f"speaks of {', '.join(strange)}, which is no class here"] if strange else []
            raise UsageError(f"The table of --costs {' and '.join(words)}. The classes are {', '.join(classes)}.")
        place = [self.classes.index(name) for name in classes]
        return Costs(tuple(classes), tuple(tuple(self.table[row][column] for column in place) for row in place))

    def as_table(self) -> tuple[list[str], list[list[str]]]:
        """Return header and rows of a file that `read_costs` understands."""
        rows = [[name, *(f"{cost:g}" for cost in row)] for name, row in zip(self.classes, self.table, strict=True)]
        return ["", *self.classes], rows

    def to_json(self) -> dict[str, dict[str, float]]:
        """Return true class → decision → cost."""
        rows = zip(self.classes, self.table, strict=True)
        return {name: dict(zip(self.classes, row, strict=True)) for name, row in rows}

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> Costs:
        """Return what `to_json` wrote, in the order of the classes."""
        return cls(tuple(classes), tuple(tuple(float(data[row][column]) for column in classes) for row in classes))


@dataclass(frozen=True)
class Decision:
    """How probabilities become a decision: the least expected cost, classes being as common as `used_for` says.

    Both priors are shares in the order of the classes; None for both where probabilities are taken as they are.
    """

    costs: Costs
    made_for: tuple[float, ...] | None = None
    """How common the classes are that the probabilities speak of."""
    used_for: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Uses:
    """What a model says of the use of its probabilities; None where it does not say."""

    made_for: tuple[float, ...] | None = None
    """How common each class is taken to be by the probabilities, in the order of the classes."""
    training: tuple[float, ...] | None = None
    """Share of each class among the training images."""
    decision: Decision | None = None
    """What was stated when the model was made."""

    def decided(self, costs: Costs | None, prior: Prior | None, classes: Sequence[str]) -> Decision | None:
        """Return how to decide where a command states costs, a prior of use, both or nothing; None: most probable.

        Raises
        ------
        UsageError
            When the costs are of other classes, there are none, or the prior cannot be had.
        """
        if costs is None and prior is None:
            return self.decision
        stated = costs.ordered(classes) if costs else self.decision.costs if self.decision else None
        if stated is None:
            raise UsageError(
                "--prior says for which mix of classes to decide, and there is no table of costs to decide by. Give "
                "one with --costs FILE.csv."
            )
        if prior is None:
            before = self.decision if costs is None else None
            return before or Decision(stated, self.made_for, self.made_for)
        if self.made_for is None:
            raise UsageError(
                "This model does not say how common the classes are that its probabilities are made for, so they "
                "cannot be moved to another mix. Leave --prior out."
            )
        return Decision(stated, self.made_for, self._shares(prior, classes))

    def _shares(self, prior: Prior, classes: Sequence[str]) -> tuple[float, ...]:
        if prior == "balanced":
            return (1 / len(classes),) * len(classes)
        if isinstance(prior, str):
            if self.training is None:
                raise UsageError(
                    "This model does not say how common the classes were in training. Say --prior A=0.9,B=0.1."
                )
            return self.training
        missing, strange = (
            [one for one in names if one not in known] for names, known in ((classes, prior), (prior, classes))
        )
        if missing or strange:
            raise UsageError(
                f"--prior needs a share for each class ({', '.join(classes)}), and for no other; "
                f"wrong or missing: {', '.join([*missing, *strange])}."
            )
        return tuple(prior[name] for name in classes)

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return ``prior`` and ``costs`` for ``model.json``; `training` is told there by ``training_counts``."""
        made = None if self.made_for is None else dict(zip(classes, self.made_for, strict=True))
        found: dict[str, Any] = {"prior": made, "costs": None}
        if self.decision:
            used = self.decision.used_for
            found["costs"] = {
                "table": self.decision.costs.to_json(),
                "prior": None if used is None else dict(zip(classes, used, strict=True)),
            }
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any], classes: Sequence[str]) -> Uses:
        """Return what ``model.json`` says; of a model that says nothing, nothing is known.

        Raises
        ------
        KeyError, TypeError, ValueError, AttributeError
            When what it says is damaged.
        """

        def shares(found: Mapping[str, float] | None) -> tuple[float, ...] | None:
            return None if found is None else tuple(float(found[name]) for name in classes)

        made, counts, costs = shares(data.get("prior")), shares(data.get("training_counts")), data.get("costs")
        decision = None
        if costs is not None:
            decision = Decision(Costs.from_json(costs["table"], classes), made, shares(costs["prior"]))
        return cls(made, counts and tuple(count / sum(counts) for count in counts), decision)


UNKNOWN = Uses()
"""Of a model that says nothing."""


def read_costs(path: Path) -> Costs:
    """Return the table of a CSV file: classes in the header and in the first column, a cost in each cell.

    Rows are true classes, columns are decisions. An empty cell of the diagonal is 0.

    Raises
    ------
    UsageError
        When the file cannot be read, or is no such table; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The table of --costs {path} cannot be read: {error}") from error
    rows = [(number, row) for number, row in enumerate(csv.reader(text.splitlines()), 1) if any(map(str.strip, row))]
    if len(rows) < 3 or len(rows[0][1]) < 3:
        raise UsageError(
            f"{path} is no table of costs: it needs a header with an empty cell and the classes, then a row a class, "
            "for example: ',cat,dog' and 'cat,0,1' and 'dog,5,0'."
        )
    classes = tuple(cell.strip() for cell in rows[0][1][1:])
    names = [row[0].strip() for _, row in rows[1:]]
    for known, where in ((classes, "header"), (names, "first column")):
        twice = next((name for name in known if list(known).count(name) > 1), None)
        if twice is not None or "" in known:
            raise UsageError(f"{path}: the {where} names {f'{twice} twice' if twice else 'an empty class'}.")
    if set(names) != set(classes):
        apart = ", ".join(sorted(set(names) ^ set(classes)))
        raise UsageError(
            f"{path}: header and first column have to name the same classes; only one of them has {apart}."
        )
    table = {name: _row(path, number, row, name, classes) for name, (number, row) in zip(names, rows[1:], strict=True)}
    return Costs(classes, tuple(table[name] for name in classes))


def _row(path: Path, number: int, row: Sequence[str], name: str, classes: Sequence[str]) -> tuple[float, ...]:
    cells = [cell.strip() for cell in row[1:]]
    if len(cells) != len(classes):
        raise UsageError(f"{path}, line {number} ({name}): {len(cells)} costs for {len(classes)} classes.")
    found = []
    for decision, cell in zip(classes, cells, strict=True):
        try:
            cost = float(cell) if cell or decision != name else 0.0
        except ValueError:
            cost = math.nan
        if not 0 <= cost < math.inf:
            raise UsageError(
                f"{path}, line {number}: the cost of calling {name} {decision} must be a number of at least 0, not "
                f"{cell!r}."
            )
        found.append(cost)
    return tuple(found)


def read_prior(text: str) -> Prior:
    """Return the prior of use that a text says: ``balanced``, ``training``, or ``A=0.9,B=0.1``.

    Raises
    ------
    UsageError
        When it is none of these, or the shares are not positive or do not sum to 1.
    """
    if "=" not in text:
        if text not in WORDS:
            raise UsageError(f"There is no prior {text!r}. {suggest(text, WORDS)} Or say shares: A=0.9,B=0.1.")
        return text
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        name = name.strip()
        try:
            share = float(value)
        except ValueError:
            share = math.nan
        if not equals or not name or not 0 < share <= 1 or name in found:
            raise UsageError(
                f"--prior takes a share above 0 for each class, once, as in A=0.9,B=0.1; not {part.strip()!r}."
            )
        found[name] = share
    total = sum(found.values())
    if abs(total - 1) > 0.01:
        raise UsageError(f"The shares of --prior sum to {total:g}, not to 1.")
    return {name: share / total for name, share in found.items()}
