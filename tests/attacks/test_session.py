import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from evenhand.attacks.attacking import attack
from evenhand.attacks.norms import measure
from evenhand.attacks.session import rounded_to_bytes
from evenhand.attacks.threat import Threat
from evenhand.errors import UsageError
from evenhand.progress import Progress, Tick

EPS = 16 / 255


class Counted(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.total = self.done = 0

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        self.total += total
        yield self._count

    def _count(self, units: int) -> None:
        assert units >= 0
        self.done += units


@pytest.mark.parametrize(
    "how",
    [
        *("fgsm", "pgd:steps=8,restarts=3", "pgd:steps=30,step=1,random_start=false", "apgd-ce:steps=10"),
        *("fmn:steps=10", "deepfool:steps=4", "square:steps=20", "noise:tries=3"),
    ],
)
def test_progress_adds_up(trained: Any, how: str) -> None:
    progress = Counted()
    attack(trained.network, trained.images, trained.labels, how, eps=EPS, progress=progress)
    assert progress.done == progress.total > 0


def test_images_that_are_fooled_are_asked_no_more(trained: Any) -> None:
    asked: list[int] = []
    handle = trained.network.register_forward_hook(lambda module, inputs, output: asked.append(len(output)))
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=20,restarts=2", eps=EPS)
    handle.remove()
    fooled = result.fooled
    assert 0.3 < fooled.mean() < 1
    assert (result.first[fooled] == result.queries[fooled]).all()
    assert (result.queries[~fooled & result.attempted] == 42).all()
    # The model's work follows the images that resist, give or take those that wait for company before they leave.
    wasted = sum(asked) - int(result.queries.sum())
    assert wasted < 0.2 * result.queries.sum() + 4 * 60


def test_images_that_are_wrong_to_begin_with_are_left_alone(trained: Any) -> None:
    labels = trained.labels.clone()
    labels[:10] = (labels[:10] + 1) % 4
    result = attack(trained.network, trained.images, labels, "pgd:steps=5", eps=EPS)
    assert not result.attempted[:10].any()
    assert not result.clean_right[:10].any()
    assert (result.adversarial[:10] == trained.images[:10].numpy()).all()
    assert (result.size[:10] == 0).all()
    assert (result.queries[:10] == 0).all()
    aimed = attack(trained.network, trained.images, labels, "pgd:steps=5", eps=EPS, target=2)
    assert not aimed.attempted[labels.numpy() == 2].any()
    assert aimed.attempted[(labels.numpy() != 2) & (aimed.called_clean != 2)].all()


def test_accuracy_falls_with_the_budget_and_ends_at_nothing(trained: Any) -> None:
    left = [
        attack(trained.network, trained.images, trained.labels, "pgd:steps=20", eps=eps).robust.mean()
        for eps in (0, 2 / 255, 8 / 255, 16 / 255, 24 / 255, 48 / 255)
    ]
    assert left[0] == 1
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_what_is_held_at_once_does_not_matter(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for how in ("pgd:steps=10", "fmn:steps=20"):
        whole = attack(trained.network, trained.images, trained.labels, how, eps=EPS)
        monkeypatch.setattr("evenhand.attacks.session.STATE_MEMORY", 4 * 3 * 144 * 16 * 7)
        parts = attack(trained.network, trained.images, trained.labels, how, eps=EPS)
        assert (whole.fooled == parts.fooled).all()
        np.testing.assert_allclose(whole.noise, parts.noise, rtol=1e-2)
        monkeypatch.undo()


def test_the_same_image_meets_the_same_dice_wherever_it_stands(trained: Any) -> None:
    twice = torch.cat([trained.images[:5], trained.images[:5]])
    labels = torch.cat([trained.labels[:5]] * 2)
    result = attack(trained.network, twice, labels, "pgd:steps=3", eps=EPS, seed=4)
    np.testing.assert_allclose(result.adversarial[:5], result.adversarial[5:], atol=1e-5)
    other = attack(trained.network, twice, labels, "pgd:steps=3", eps=EPS, seed=5)
    assert np.abs(other.adversarial - result.adversarial).max() > 1e-3
    named = attack(trained.network, twice, labels, "noise:tries=1", eps=EPS, identity=np.arange(10, dtype=np.int64))
    assert np.abs(named.adversarial[:5] - named.adversarial[5:]).max() > 1e-3


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_verdict_is_the_one_of_the_saved_picture(trained: Any, norm: str) -> None:
    eps = 0.05 if norm == "linf" else 0.7  # between two levels of 255, so that rounding could leave the budget
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=20", norm=norm, eps=eps)
    pictures = []
    for image in rounded_to_bytes(torch.from_numpy(result.adversarial), trained.images, Threat(norm, eps)):
        content = io.BytesIO()
        Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy()).save(content, "PNG")
        pictures.append(np.asarray(Image.open(content)))
    saved = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() * (1 / 255)
    with torch.no_grad():
        logits = trained.network(saved)
    np.testing.assert_allclose(result.png_logits, logits.numpy(), rtol=1e-4, atol=1e-4)
    assert (measure(saved - trained.images, norm) <= eps * 1.0001).all()
    right = logits.argmax(dim=1).numpy() == result.labels
    assert (result.fooled_png == ~right).all()
    assert result.fooled_png.any()


def test_noise_that_rounding_undoes_is_said_to_be_undone(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "ddn:steps=40", norm="l2", eps=None)
    assert result.fooled.all()
    assert 0 < result.fooled_png.sum() < result.n
    told = result.to_json(["a", "b", "c", "d"])
    assert told["kept_by_png"] == result.fooled_png.sum()
    assert told["robust_accuracy"] == 0 < told["robust_accuracy_png"]


def test_a_gradient_of_zero_is_flagged(trained: Any) -> None:
    class Flat(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return trained.network((images * 255).round() / 255) + 0 * images.sum()

    result = attack(Flat(), trained.images, trained.labels, "pgd:steps=5", eps=EPS)
    assert result.blind[result.attempted].all()
    assert result.to_json(["a", "b", "c", "d"])["zero_gradients"] == int((~result.fooled).sum())
    assert not attack(trained.network, trained.images, trained.labels, "pgd:steps=5", eps=EPS).blind.any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"how": "ddn", "norm": "linf"}, "ddn works in l2, not in linf"),
        ({"eps": None}, "needs a budget"),
        ({"how": "deepfool", "target": 1}, "cannot be aimed"),
        ({"how": "optimised-noise", "norm": "l1"}, "must be aimed"),
        ({"how": "standard", "target": 1}, "aims by itself"),
        ({"target": "cats"}, "number of a class, or 'all'"),
        ({"target": 4}, "classes 0 to 3"),
        ({"labels": [0, 1, 2, 4] * 15}, "classes 0 to 3"),
        ({"labels": [0, 1]}, "one whole number an image for labels"),
        ({"labels": None, "target": None, "images": torch.rand(60, 12, 12)}, "channels, height, width"),
        ({"images": torch.rand(0, 3, 12, 12), "labels": []}, "at least one"),
        ({"images": torch.rand(60, 3, 12, 12) * 255}, r"must lie in 0 to 1; these lie in .* before any normalisation"),
        ({"images": torch.full((60, 3, 12, 12), torch.nan)}, "must lie in 0 to 1"),
        ({"images": torch.zeros(60, 12, 12, 3, dtype=torch.uint8)}, "channels first"),
        ({"images": torch.zeros(60, 3, 12, 12, dtype=torch.int64)}, "floating-point"),
        ({"how": "pgdd"}, "Did you mean 'pgd'"),
    ],
)
def test_words_that_do_not_fit(trained: Any, words: dict[str, Any], message: str) -> None:
    given = {"images": trained.images, "labels": trained.labels, "how": "pgd"} | words
    if given["labels"] is None:
        given["labels"] = trained.labels
    with pytest.raises(UsageError, match=message):
        attack(trained.network, given.pop("images"), given.pop("labels"), **given)


def test_true_labels_as_targets_are_a_mistake(trained: Any) -> None:
    with pytest.raises(UsageError, match="Every target is the label itself"):
        attack(trained.network, trained.images, trained.labels, "pgd", target=trained.labels)


def test_gradient_attacks_need_a_gradient(trained: Any) -> None:
    def ask(images: Any) -> Any:
        with torch.no_grad():
            return trained.network(torch.from_numpy(images))

    with pytest.raises(UsageError, match=r"needs gradients.*square"):
        attack(ask, trained.images, trained.labels, "pgd")
    assert attack(ask, trained.images, trained.labels, "square:steps=50", eps=0.15).fooled.any()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_grey_images_and_few_classes(channels: int, classes: int, linear: Callable[..., Any]) -> None:
    made = linear(classes)
    images = made.images if channels == 3 else made.images.reshape(12, 1, 6, 18)
    for how in ("fgsm", "pgd:steps=5", "apgd-margin:steps=10", "deepfool", "fmn:steps=20", "square:steps=20"):
        result = attack(made.model, images, made.labels, how, eps=0.3)
        assert result.adversarial.shape == images.shape
        assert result.logits.shape == (12, classes)
        assert how.startswith("square") or result.fooled.mean() > 0.8
    if classes < 4:
        with pytest.raises(UsageError, match=f"there are {classes} classes. Below four classes use the loss margin"):
            attack(made.model, images, made.labels, "apgd-dlr")
    else:
        assert attack(made.model, images, made.labels, "apgd-dlr:steps=10", eps=0.3).fooled.all()
