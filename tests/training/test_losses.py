import numpy as np
import pytest
import torch
from torch.nn import functional

from evenhand.remedies.plan import Head, Loss
from evenhand.training.losses import criterion
from evenhand.training.recipe import Recipe

RECIPE = Recipe()
LOGITS, LABELS = torch.tensor([[0.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1])
P = 1 / (1 + np.exp(-2))


def test_class_weights_by_hand() -> None:
    each = [np.log(2), np.log(1 + np.exp(-2))]
    mean = criterion(Loss(class_weights=(0.5, 3.0)), RECIPE, "cpu")(LOGITS, LABELS)
    assert float(mean) == pytest.approx((0.5 * each[0] + 3.0 * each[1]) / 2)
    batch = criterion(Loss(class_weights=(0.5, 3.0), normalise="batch"), RECIPE, "cpu")(LOGITS, LABELS)
    assert float(batch) == pytest.approx((0.5 * each[0] + 3.0 * each[1]) / 3.5)
    torchs = functional.cross_entropy(LOGITS, LABELS, weight=torch.tensor([0.5, 3.0]))
    assert float(batch) == pytest.approx(float(torchs))


def test_logit_offsets_and_soft_labels_by_hand() -> None:
    loss = criterion(Loss(logit_offsets=(np.log(0.75), np.log(0.25))), RECIPE, "cpu")
    assert float(loss(torch.zeros(1, 2), torch.tensor([1]))) == pytest.approx(np.log(4))
    assert float(loss(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))) == pytest.approx((np.log(4) + np.log(4 / 3)) / 2)


def test_focal_by_hand() -> None:
    # p of the own class is 1/2 and P: (1 - p)^2 times -log p.
    loss = criterion(Loss(focal=2.0), RECIPE, "cpu")(LOGITS, LABELS)
    assert float(loss) == pytest.approx((0.25 * np.log(2) - (1 - P) ** 2 * np.log(P)) / 2)
    weighted = criterion(Loss(focal=2.0, class_weights=(0.5, 3.0)), RECIPE, "cpu")(LOGITS, LABELS)
    assert float(weighted) == pytest.approx((0.5 * 0.25 * np.log(2) - 3 * (1 - P) ** 2 * np.log(P)) / 2)


def test_focal_of_strength_none_is_cross_entropy_and_of_soft_labels_the_expected_one() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([[0.2, 0.3, 0.5]]).expand(6, 3)
    plain = functional.cross_entropy(logits, rows, label_smoothing=0.1)
    smoothing = Recipe(label_smoothing=0.1)
    torch.testing.assert_close(criterion(Loss(focal=0.0), smoothing, "cpu")(logits, rows), plain)
    focal = criterion(Loss(focal=1.5), RECIPE, "cpu")
    each = torch.stack([focal(logits, torch.full((6,), label)) for label in range(3)])
    torch.testing.assert_close(focal(logits, rows), (each * torch.tensor([0.2, 0.3, 0.5])).sum())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_slope_where_all_is_certain(gamma: float) -> None:
    logits = torch.tensor([[100.0, -100.0], [-100.0, 100.0]], requires_grad=True)
    criterion(Loss(focal=gamma), RECIPE, "cpu")(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_margins_are_taken_from_the_own_class_alone() -> None:
    # Cao et al. eq. 13: -log e^(z_y - m_y) / (e^(z_y - m_y) + sum of the others' e^z).
    loss = criterion(Loss(margins=(1.0, 3.0)), RECIPE, "cpu")(LOGITS, LABELS)
    assert float(loss) == pytest.approx((np.log(1 + np.e) + np.log(1 + np.e)) / 2)
    soft = criterion(Loss(margins=(1.0, 3.0)), RECIPE, "cpu")(LOGITS, functional.one_hot(LABELS).float())
    assert float(soft) == pytest.approx(float(loss))


def test_each_expert_has_a_loss_of_its_own() -> None:
    offsets = ((0.0, 0.0), (np.log(0.75), np.log(0.25)))
    both = torch.stack([LOGITS, LOGITS.flip(0)], dim=1)
    found = criterion(None, RECIPE, "cpu", Head("experts", logit_offsets=offsets))(both, LABELS)
    alone = [
        criterion(Loss(logit_offsets=row), RECIPE, "cpu")(part, LABELS)
        for row, part in zip(offsets, (LOGITS, LOGITS.flip(0)), strict=True)
    ]
    assert float(found) == pytest.approx((float(alone[0]) + float(alone[1])) / 2)


@pytest.mark.parametrize(
    "asked",
    [
        Loss(class_weights=(0.5, 3.0), normalise="batch"),
        Loss(focal=2.0),
        Loss(margins=(1.0, 3.0), class_weights=(0.5, 3.0)),
        Loss(logit_offsets=(-0.1, -2.0), focal=1.0),
    ],
)
def test_hard_labels_and_their_rows_have_the_same_loss(asked: Loss) -> None:
    logits = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 2
    loss = criterion(asked, Recipe(label_smoothing=0.1), "cpu")
    torch.testing.assert_close(loss(logits, labels), loss(logits, functional.one_hot(labels).float()))
