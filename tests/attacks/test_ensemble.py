from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.black_box import RandomNoise, Square
from evenhand.attacks.ensemble import AIMED, ensemble, standard
from evenhand.attacks.gradient import APGD, FGSM, PGD
from evenhand.attacks.minimum_norm import DDN, FMN
from evenhand.attacks.threat import Threat
from evenhand.attacks.victim import Victim
from evenhand.errors import UsageError

EPS = 16 / 255
SMALL = [("noise", RandomNoise()), ("fgsm", FGSM()), ("pgd", PGD(steps=10)), (AIMED, APGD(steps=10, loss="margin"))]


def test_the_worst_counts_image_by_image(trained: Any) -> None:
    victim, threat = Victim(trained.network), Threat("linf", EPS)
    worst = ensemble(victim, trained.images, trained.labels, threat, members=SMALL)
    alone = [attack(victim, trained.images, trained.labels, member, eps=EPS) for name, member in SMALL if name != AIMED]
    for one in alone:
        assert (worst.fooled | ~one.fooled).all()
    # Who fools an image first is named; the quick ones come first.
    assert (worst.by[alone[1].fooled & ~alone[0].fooled] == "fgsm").all()
    assert (worst.by[alone[2].fooled & ~alone[1].fooled & ~alone[0].fooled] == "pgd").all()
    aimed = ensemble(victim, trained.images, trained.labels, threat, members=[SMALL[0], SMALL[3]])
    assert set(aimed.by) == {"noise", AIMED}
    assert (worst.queries >= alone[0].queries).all()
    assert (worst.first[worst.fooled] <= worst.queries[worst.fooled]).all()
    assert (worst.targets == -1).all()


def test_what_it_calls_fooled_is_fooled_within_the_budget(trained: Any) -> None:
    worst = ensemble(Victim(trained.network), trained.images, trained.labels, Threat("linf", EPS), members=SMALL)
    with torch.no_grad():
        called = trained.network(torch.from_numpy(worst.adversarial)).argmax(dim=1).numpy()
    assert (called[worst.fooled] != worst.labels[worst.fooled]).all()
    assert (worst.noise[worst.fooled] <= EPS * 1.0001).all()
    assert (worst.size[worst.fooled] == worst.noise[worst.fooled]).all()
    assert np.isinf(worst.size[worst.attempted & ~worst.fooled]).all()
    assert (~worst.fooled_png | worst.fooled).sum() >= worst.n - 1


def test_without_a_budget_the_smallest_noise_counts(trained: Any) -> None:
    members = [("fmn", FMN(steps=20)), ("ddn", DDN(steps=40))]
    threat = Threat("l2", None)
    worst = ensemble(Victim(trained.network), trained.images, trained.labels, threat, members=members)
    sizes = [
        attack(trained.network, trained.images, trained.labels, member, norm="l2", eps=None).size
        for _, member in members
    ]
    np.testing.assert_allclose(worst.size, np.minimum(*sizes), rtol=1e-3)
    assert worst.smallest
    assert set(worst.by) == {"fmn", "ddn"}


@pytest.mark.parametrize(
    ("threat", "classes", "names"),
    [
        (Threat("linf", 0.1), 4, ["apgd-ce", "apgd-dlr", AIMED, "fmn", "square"]),
        (Threat("l2", 0.1), 3, ["apgd-ce", "apgd-margin", AIMED, "fmn", "square"]),
        (Threat("linf", 0.1), 2, ["apgd-ce", "apgd-margin", "fmn", "square"]),
        (Threat("l2", None), 4, ["fmn", "ddn"]),
        (Threat("l1", 3.0), 4, ["fmn"]),
        (Threat("l0", 3.0), 4, ["fmn"]),
    ],
)
def test_the_standard_ensemble(threat: Threat, classes: int, names: list[str]) -> None:
    assert [name for name, _ in standard(threat, classes)] == names


def test_of_a_model_that_can_only_be_asked(trained: Any) -> None:
    assert [name for name, _ in standard(Threat("linf", 0.1), 4, differentiable=False)] == ["square"]
    with pytest.raises(UsageError, match="linf or l2, with a budget"):
        standard(Threat("l1", 1.0), 4, differentiable=False)
    worst = ensemble(
        Victim(trained.network), trained.images, trained.labels, Threat("linf", 0.2), members=[("s", Square(steps=9))]
    )
    assert set(worst.by) == {"s"}


def test_by_its_name(trained: Any) -> None:
    labels = trained.labels[:8].clone()
    labels[0] = (labels[0] + 1) % 4
    result = attack(trained.network, trained.images[:8], labels, "standard", eps=0.2)
    assert result.attack == "standard"
    assert result.fooled[1:].all()
    assert not result.attempted[0]
    assert set(result.by) == {"apgd-ce"}
