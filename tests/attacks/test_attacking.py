from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.gradient import PGD
from evenhand.attacks.success import success_matrix


def test_three_lines_are_enough(trained: Any) -> None:
    from evenhand.attacks.victim import Victim

    result = attack(Victim(trained.network, mean=0.0, std=1.0), trained.images, trained.labels, "pgd", eps=16 / 255)
    assert 0 < result.figures()["robust_accuracy"] < 1


@pytest.mark.parametrize("kind", ["tensor", "numpy", "bytes", "list"])
def test_images_and_labels_of_every_kind(trained: Any, kind: str) -> None:
    plain = attack(trained.network, trained.images, trained.labels, "fgsm", eps=0.1)
    images: Any = trained.images
    labels: Any = trained.labels
    if kind == "numpy":
        images, labels = images.double().numpy(), labels.numpy().astype(np.int32)
    if kind == "bytes":
        images = (images * 255).round().byte()
    if kind == "list":
        labels = labels.tolist()
    found = attack(trained.network, images, labels, "fgsm", eps=0.1)
    np.testing.assert_allclose(found.adversarial, plain.adversarial, atol=1e-6)


def test_an_attack_may_be_a_value_or_a_text(trained: Any) -> None:
    one = attack(trained.network, trained.images, trained.labels, PGD(steps=3), eps=0.05)
    other = attack(trained.network, trained.images, trained.labels, "pgd:steps=3", eps=0.05)
    assert (one.adversarial == other.adversarial).all()
    assert one.attack == other.attack == "pgd"


@pytest.mark.parametrize("target", [2, [2] * 60, torch.full((60,), 2), np.full(60, 2)])
def test_targets_of_every_kind(trained: Any, target: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=0.15, target=target)
    assert (result.called[result.fooled] == 2).all()
    assert result.fooled[result.attempted].mean() > 0.8
    assert (result.attempted == (result.labels != 2)).all()


def test_every_image_against_every_other_class(trained: Any) -> None:
    result = attack(trained.network, trained.images[:8], trained.labels[:8], "pgd:steps=10", eps=0.15, target="all")
    assert result.n == 24
    assert result.labels.tolist() == np.repeat(trained.labels[:8].numpy(), 3).tolist()
    for image in range(8):
        rows = slice(3 * image, 3 * image + 3)
        assert sorted([*result.targets[rows].tolist(), int(result.labels[3 * image])]) == [0, 1, 2, 3]
    matrix = success_matrix(result, "abcd")
    assert (matrix.tried + 2 * np.eye(4, dtype=int) == 2).all()
    assert (matrix.reached <= matrix.tried).all()
    assert matrix.reached.sum() == result.fooled.sum() > 12
