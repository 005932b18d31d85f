from dataclasses import fields

import pytest

from evenhand.attacks.catalogue import ATTACKS, build_attack
from evenhand.attacks.contract import check_attack
from evenhand.attacks.gradient import APGD, PGD
from evenhand.errors import UsageError

QUICK = {
    "pgd": "pgd:steps=8,restarts=2",
    "apgd-ce": "apgd-ce:steps=15",
    "apgd-margin": "apgd-margin:steps=15",
    "apgd-dlr": "apgd-dlr:steps=15",
    "fmn": "fmn:steps=20",
    "ddn": "ddn:steps=40",
    "cw": "cw:steps=20,rounds=3",
    "square": "square:steps=30",
    "noise": "noise:tries=3",
    "optimised-noise": "optimised-noise:steps=30",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_keeps_the_contract(name: str) -> None:
    check_attack(QUICK.get(name, name))


def test_settings_are_read_as_what_they_are() -> None:
    assert build_attack("pgd") == PGD()
    found = build_attack("pgd: steps=100, step=0.1 ,random_start=false,loss=margin")
    assert found == PGD(steps=100, step=0.1, random_start=False, loss="margin")
    assert build_attack("apgd-dlr:steps=5") == APGD(steps=5, loss="dlr")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pdg", "no attack 'pdg'. Did you mean 'pgd'"),
        ("", "no attack ''"),
        ("pgd:", "sets nothing"),
        ("pgd:steps", "sets nothing; write pgd:parameter=value"),
        ("pgd:stepps=3", "no parameter 'stepps'. Did you mean 'steps'"),
        ("pgd:steps=2.5", "must be a whole number"),
        ("pgd:steps=many", "must be a whole number"),
        ("pgd:step=nan", "must be a number"),
        ("pgd:random_start=perhaps", "must be true or false"),
        ("apgd-ce:loss=margin", "no parameter 'loss'"),
        ("fgsm:loss=mse", "no loss 'mse'"),
        ("deepfool:loss=ce", "no parameter 'loss'"),
    ],
)
def test_texts_that_cannot_be_meant(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("'", "['\"]")):
        build_attack(text)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_says_what_it_is(name: str) -> None:
    entry = ATTACKS[name]
    assert entry.description.endswith(".")
    assert entry.source
    assert entry.kind.__doc__
    for part in fields(entry.kind):
        documented = "".join(base.__doc__ or "" for base in entry.kind.__mro__)
        assert f"{part.name} :" in documented or f", {part.name} :" in documented or f"{part.name}, " in documented
