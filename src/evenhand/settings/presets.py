"""How much work a command does where nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.settings.groups import Group


@dataclass(frozen=True)
class Preset:
    """How much work a command does.

    Every remedy is screened with `screen`; the best `finalists` are judged again with `model`, which also becomes the
    final model, trained `members` times.
    """

    recipe: str
    screen: str
    model: str
    finalists: int
    folds: int
    seeds: int
    members: int
    rounds: int
    """Rounds of the label audit where remedies are compared, with one network a fold; 0: the labels are not audited.
    The first round trains on the labels as given, each further one as the round before would have them."""
    remedies: tuple[str, ...]
    repairs: tuple[str, ...]
    examiner: str = "resnet"
    """The network of the label audit."""
    alone: tuple[int, ...] = (1,)
    """Networks a fold in each round, where the command is the audit and nothing else."""
    least_views: int = 24_000
    """Images that a training sees at least, each as often as the data set is small."""
    stretch: float = 1.0
    """Epochs of the final model, as a multiple of the recipe's."""
    judged: int | None = None
    """Folds that are really held out, one after the other; None: all of them. With 1 it is a single hold-out set."""
    leak_views: int | None = None
    """Images that a training sees in all that measures what leaks into the test; None: as many as the recipe says."""
    halving: bool = False
    """Whether remedies that are clearly behind stop before they have all their trainings."""
    shorter: float = 1.0
    """Share of the recipe's epochs that every training gets; less than 1 only where there is no time."""
    leak_folds: int | None = None
    """Folds in which it is measured what parted groups are worth; None: all of them, 0: it is not measured."""
    what_next: bool = False
    """Whether learning curves say what more pictures would bring."""
    groups: tuple[Group, ...] = ()
    """What is compared with a recipe of its own, each group with everything filled in; empty: all by one recipe."""
    distil: bool = False
    """Whether the final networks are taught to a single one."""

    def examinations(self, command: str) -> tuple[int, ...]:
        """Return how many networks a fold each round of a command's label audit trains."""
        return self.alone if command == "audit" else (1,) * self.rounds


STANDARD_REMEDIES = (
    "none",
    "augment",
    "oversample",
    "undersample",
    "sampler",
    "class-weights",
    "smote",
    "balanced-softmax",
    "logit-adjust",
)

REFERENCE_REMEDIES = ("none", "augment", "sampler", "class-weights:by=class", "augment-online+sampler", "smote")
"""The six experiments of the reference study; with the sampler it augmented afresh, for it kept 5,625 examples."""

PRESETS: dict[str, Preset] = {
    "quick": Preset(
        recipe="quick",
        screen="simple",
        model="simple",
        finalists=0,
        folds=3,
        seeds=1,
        members=2,
        rounds=1,
        examiner="simple",
        alone=(1, 1),
        least_views=6_000,
        remedies=("none", "sampler", "balanced-softmax", "logit-adjust"),
        repairs=("none", "drop"),
        stretch=2.0,
        leak_views=12_000,
        leak_folds=2,
    ),
    "standard": Preset(
        recipe="standard",
        screen="simple",
        model="resnet",
        finalists=3,
        folds=4,
        seeds=1,
        members=2,
        rounds=1,
        alone=(2, 2, 2),
        remedies=STANDARD_REMEDIES,
        repairs=("none", "drop"),
        stretch=2.0,
        leak_folds=2,
        halving=True,
        what_next=True,
    ),
    "thorough": Preset(
        recipe="thorough",
        screen="simple",
        model="resnet",
        finalists=3,
        folds=5,
        seeds=2,
        members=8,
        rounds=2,
        alone=(3, 3, 4),
        remedies=(*STANDARD_REMEDIES, "class-weights:gamma=0.5", "sampler:q=0.5", "augment+sampler"),
        repairs=("none", "drop", "relabel"),
        stretch=3.0,
        what_next=True,
    ),
    "reference": Preset(
        recipe="reference",
        screen="simple",
        model="simple",
        finalists=0,
        folds=10,
        judged=1,
        seeds=1,
        members=1,
        rounds=0,
        least_views=0,
        examiner="simple",
        remedies=REFERENCE_REMEDIES,
        repairs=("none",),
        stretch=2.0,
        leak_views=12_000,
        leak_folds=0,
    ),
}
