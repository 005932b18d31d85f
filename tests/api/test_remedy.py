import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import evenhand
from evenhand.errors import DataError, UsageError
from evenhand.remedies.catalogue import REMEDIES

LABELS = [0] * 60 + [1] * 20 + [2] * 4


def test_the_same_seed_draws_the_same_epochs_and_each_epoch_differs() -> None:
    plan = evenhand.plan("sampler", LABELS)
    sampler, again = plan.sampler(seed=7), plan.sampler(seed=7)
    first, second = list(sampler), list(sampler)
    assert [list(again), list(again)] == [first, second]
    assert first != second
    assert list(plan.sampler(seed=8)) != first
    again.set_epoch(0)
    assert list(again) == first
    assert len(first) == len(sampler) == 84


def test_draws_are_as_the_remedy_says() -> None:
    drawn = np.concatenate([list(evenhand.plan("sampler", LABELS).sampler(seed=seed)) for seed in range(40)])
    shares = np.bincount(np.array(LABELS)[drawn], minlength=3) / len(drawn)
    np.testing.assert_allclose(shares, 1 / 3, atol=0.03)
    assert sorted(evenhand.plan("none", LABELS).sampler()) == list(range(84))
    every = evenhand.plan("oversample", LABELS).sampler()
    assert np.bincount(np.array(LABELS)[list(every)]).tolist() == [60, 60, 60]
    assert len(every) == 180


def test_the_loss_is_the_formula_of_the_remedy() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(8, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
    counts = torch.tensor([60.0, 20, 4])
    weights = 84 / (3 * counts)
    plain = functional.cross_entropy(logits, labels, reduction="none")
    for remedy, expected in (
        ("none", plain.mean()),
        ("balanced-softmax", functional.cross_entropy(logits + (counts / 84).log(), labels)),
        ("class-weights", (weights[labels] * plain).mean()),
        ("focal", ((1 - torch.exp(-plain)) ** 2 * plain).mean()),
    ):
        loss = evenhand.plan(remedy, LABELS, 3).loss()
        torch.testing.assert_close(loss(logits, labels), expected, rtol=1e-5, atol=1e-6)
        soft = functional.one_hot(labels, 3).float()
        torch.testing.assert_close(loss(logits, soft), expected, rtol=1e-5, atol=1e-6)
    smooth = evenhand.plan("none", LABELS).loss(label_smoothing=0.1)
    torch.testing.assert_close(smooth(logits, labels), functional.cross_entropy(logits, labels, label_smoothing=0.1))
    half = evenhand.plan("balanced-softmax", LABELS).loss()(logits.bfloat16(), labels)
    assert half.dtype == torch.float32
    half.backward()
    assert logits.grad is not None


def test_a_plain_loop_learns_with_it() -> None:
    torch.manual_seed(0)
    labels = torch.tensor(LABELS)
    data = TensorDataset(torch.randn(84, 2) + 3 * functional.one_hot(labels, 3)[:, :2], labels)
    plan = evenhand.plan("focal+sampler", labels)
    network, loss = torch.nn.Linear(2, 3), plan.loss()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    losses = []
    loader = DataLoader(data, batch_size=16, sampler=plan.sampler(seed=1))
    for _ in range(8):
        for x, y in loader:
            losses.append(loss(network(x), y))
            optimiser.zero_grad()
            losses[-1].backward()
            optimiser.step()
    assert losses[-1] < losses[0] / 2


GIVEN = {"none", "oversample", "undersample", "sampler", "class-weights", "effective-number", "focal", "cb-focal"} | {
    "balanced-softmax"
}


@pytest.mark.parametrize("remedy", sorted(REMEDIES))
def test_every_remedy_is_given_whole_or_refused(remedy: str) -> None:
    if remedy in GIVEN:
        assert evenhand.plan(remedy, LABELS).remedy == remedy
        return
    with pytest.raises(UsageError, match=f"The remedy {remedy} asks for more than a sampler and a loss: it "):
        evenhand.plan(remedy, LABELS)


def test_a_composition_is_refused_for_one_part() -> None:
    with pytest.raises(UsageError, match="adds images before training and it mixes"):
        evenhand.plan("smote+mixup", LABELS)
    with pytest.raises(UsageError, match="both make up for the class counts"):
        evenhand.plan("sampler+class-weights", LABELS)
    assert evenhand.plan("sampler+class-weights", LABELS, allow_stacking=True).plan.loss is not None


@pytest.mark.parametrize(
    ("labels", "n_classes", "message"),
    [
        (["a", "b"], None, "Names become numbers"),
        ([], None, "whole numbers"),
        ([0, 3], 3, "from 0 to 2"),
        ([-1, 0], None, "must be numbers from 0"),
        ([0.5, 1.5], None, "whole numbers"),
        ([[0.5, 0.2]], None, "rows that sum to 1"),
    ],
)
def test_labels_that_are_none(labels: list[object], n_classes: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evenhand.plan("sampler", labels, n_classes)


def test_soft_labels_count_by_column_sums() -> None:
    plan = evenhand.plan("class-weights", np.array([[0.5, 0.5], [1, 0], [1, 0], [0.5, 0.5]]))
    assert plan.loss_terms.class_weights == pytest.approx((4 / 6, 4 / 2))
    assert len(list(plan.sampler())) == 4


def test_it_shows_itself() -> None:
    plan = evenhand.plan("balanced-softmax", LABELS)
    assert repr(plan) == "RemedyPlan('balanced-softmax': 84 labels of 3 classes, changes the loss)"
    assert "added to the logit" in plan._repr_html_()
    assert "changes nothing" in repr(evenhand.plan("none", LABELS))
