import pytest
import torch
from torch import Tensor
from torch.nn import functional

from evenhand.attacks.losses import LOSSES, cross_entropy, dlr, margin, succeeded
from evenhand.errors import UsageError

LOGITS = torch.tensor([[2.0, 1.0, 0.5, -1.0], [0.0, 3.0, 2.5, 1.0]])
LABELS, TARGETS = torch.tensor([0, 0]), torch.tensor([1, 2])


def gradient(loss: object, logits: Tensor, *named: Tensor) -> Tensor:
    point = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(point, *named).sum(), point)[0]  # type: ignore[operator]


def test_values_by_hand() -> None:
    assert margin(LOGITS, LABELS).tolist() == [-1, 3]
    assert margin(LOGITS, LABELS, TARGETS).tolist() == [-1, -0.5]
    assert dlr(LOGITS, LABELS).tolist() == pytest.approx([-1 / 1.5, 3 / 2])
    assert dlr(LOGITS, LABELS, TARGETS).tolist() == pytest.approx([-1 / 2.25, 2.5 / 2.5])


def test_log_odds_have_the_order_and_the_direction_of_cross_entropy() -> None:
    for targets, sign in ((None, 1), (TARGETS, -1)):
        named = LABELS if targets is None else targets
        plain = functional.cross_entropy(LOGITS, named, reduction="none")
        torch.testing.assert_close(functional.softplus(sign * cross_entropy(LOGITS, LABELS, targets)), plain)
        usual = sign * gradient(functional.cross_entropy, LOGITS, named)
        found = gradient(cross_entropy, LOGITS, LABELS, targets)
        for one, other in zip(usual, found, strict=True):
            torch.testing.assert_close(functional.normalize(one, dim=0), functional.normalize(other, dim=0))


def test_a_network_that_is_too_sure_for_cross_entropy_still_shows_the_way() -> None:
    logits, label = torch.tensor([[500.0, 10.0, 0.0]]), torch.tensor([0])
    assert not gradient(functional.cross_entropy, logits, label).any()
    assert gradient(cross_entropy, logits, label, None).tolist() == [
        [-1, pytest.approx(1, abs=1e-4), pytest.approx(0, abs=1e-4)]
    ]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("targets", [None, TARGETS])
def test_a_number_added_to_all_logits_changes_nothing(name: str, targets: Tensor | None) -> None:
    torch.testing.assert_close(LOSSES[name](LOGITS + 7, LABELS, targets), LOSSES[name](LOGITS, LABELS, targets))


def test_dlr_does_not_know_the_scale_and_needs_four_classes() -> None:
    torch.testing.assert_close(dlr(1000 * LOGITS, LABELS), dlr(LOGITS, LABELS))
    with pytest.raises(UsageError, match=r"third and fourth logit, and there are 3 classes.*margin"):
        dlr(LOGITS[:, :3], LABELS)


def test_success_is_more_than_rounding() -> None:
    logits = torch.tensor([[1.0, 1.0 + 1e-6], [1.0, 1.1], [1e4, 1e4 + 0.002], [1.0, 0.9]])
    labels = torch.zeros(4, dtype=torch.int64)
    assert succeeded(logits, labels, None).tolist() == [False, True, False, False]
    assert succeeded(logits, 1 - labels, labels).tolist() == [False, False, False, True]
