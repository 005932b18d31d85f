from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evenhand.attacks.sanity import MOST, Check, sanity
from evenhand.attacks.victim import Victim

EPS = 12 / 255


def checks(model: Any, images: Tensor, labels: Tensor, **more: Any) -> dict[str, Check]:
    words: dict[str, Any] = {"norm": "linf", "eps": EPS} | more
    victim = model if isinstance(model, Victim) else Victim(model)
    return {check.name: check for check in sanity(victim, images, labels, **words)}


def test_all_checks_hold_for_an_undefended_network(trained: Any) -> None:
    found = checks(trained.network, trained.images, trained.labels)
    assert list(found) == [
        "Random noise is far weaker than an attack",
        "Many steps are at least as strong as one",
        "A larger budget fools more",
        "With enough noise nothing is left",
        "Twice the steps change nothing",
        "Asking alone is no stronger than the gradient",
        "Gradients do not vanish",
    ]
    assert all(check.holds for check in found.values()), found
    assert all(check.sentence.endswith(".") for check in found.values())
    assert f"of {MOST} images" in found["A larger budget fools more"].sentence
    assert found["Gradients do not vanish"].to_json()["holds"] is True


def test_the_same_images_and_seed_give_the_same_sentences(trained: Any) -> None:
    before = torch.get_rng_state()
    first = checks(trained.network, trained.images[:8], trained.labels[:8], seed=3)
    assert checks(trained.network, trained.images[:8], trained.labels[:8], seed=3) == first
    assert torch.equal(before, torch.get_rng_state())


class Masked(nn.Module):
    """A network whose logits are steps: almost everywhere their gradient is exactly zero."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images)
        return (logits * 2).round() / 2 + 0 * logits


def test_a_masked_gradient_is_caught(trained: Any) -> None:
    found = checks(Masked(trained.network), trained.images[:16], trained.labels[:16], eps=0.25)
    assert found["Gradients do not vanish"].holds is False
    assert "hides weaknesses" in found["Gradients do not vanish"].sentence
    assert found["Asking alone is no stronger than the gradient"].holds is False


def test_where_no_attack_succeeds_noise_is_not_judged(trained: Any) -> None:
    found = checks(trained.network, trained.images[:8], trained.labels[:8], eps=1e-5)
    noise = found["Random noise is far weaker than an attack"]
    assert noise.holds is None
    assert "never succeeds" in noise.sentence


def test_a_model_that_can_only_be_asked_is_checked_by_queries(trained: Any) -> None:
    def ask(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return trained.network(torch.from_numpy(images)).numpy()  # type: ignore[no-any-return]

    found = checks(Victim(ask), trained.images[:24], trained.labels[:24])
    assert "Many steps are at least as strong as one" not in found
    assert "Gradients do not vanish" not in found
    assert found["With enough noise nothing is left"].holds
    assert "queries" in found["More queries change little"].sentence


@pytest.mark.parametrize("words", [{"norm": "l1"}, {"norm": "l0"}, {"eps": 0.0}])
def test_there_are_no_checks_where_they_cannot_be_made(trained: Any, words: dict[str, Any]) -> None:
    assert checks(trained.network, trained.images, trained.labels, **words) == {}


def test_images_that_are_all_wrong_cannot_be_attacked(trained: Any) -> None:
    assert checks(trained.network, trained.images, (trained.labels + 1) % 4) == {}
    assert checks(trained.network, trained.images[:0], trained.labels[:0]) == {}


def test_l2_has_the_same_checks(trained: Any) -> None:
    found = checks(trained.network, trained.images[:24], trained.labels[:24], norm="l2", eps=0.6)
    assert len(found) == 7
    assert found["With enough noise nothing is left"].holds
