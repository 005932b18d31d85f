from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evenhand.attacks.attacking import attack
from evenhand.attacks.losses import cross_entropy, margin
from evenhand.attacks.victim import Victim
from evenhand.errors import ModelFileError, UsageError

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


class Wrapped(nn.Module):
    """A network behind a function of its input and one of its output."""

    def __init__(self, network: nn.Module, before: Any = None, after: Any = None) -> None:
        super().__init__()
        self.network, self.before, self.after = network, before or (lambda x: x), after or (lambda x: x)

    def forward(self, images: Tensor) -> Any:
        return self.after(self.network(self.before(images)))


def held(victim: Victim, images: Tensor) -> Tensor:
    labels = torch.zeros(len(images), dtype=torch.int64)
    with victim.held(images, 0):
        return victim.look(images, labels, None, margin).logits


def test_the_normalisation_stands_inside_or_outside(trained: Any) -> None:
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    wants_raw = Wrapped(trained.network, before=lambda x: x * std + mean)
    found = held(Victim(wants_raw, mean=MEAN, std=STD), trained.images)
    torch.testing.assert_close(found, trained.network(trained.images).detach(), rtol=1e-4, atol=1e-4)
    inside = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=0.06)
    outside = attack(Victim(wants_raw, mean=MEAN, std=STD), trained.images, trained.labels, "pgd:steps=10", eps=0.06)
    assert (inside.fooled == outside.fooled).all()
    assert 0.2 < inside.fooled.mean() < 1


@pytest.mark.parametrize(
    ("words", "message"),
    [({"mean": (0.5, 0.5)}, "2 channels and the images have 3"), ({"std": (1.0, 0.0, 1.0)}, "must be positive")],
)
def test_a_normalisation_that_does_not_fit(trained: Any, words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        held(Victim(trained.network, **words), trained.images)


def test_looks_in_slices_are_the_same_looks(trained: Any) -> None:
    victims = Victim(trained.network), Victim(trained.network, at_once=7)
    looks = []
    for victim in victims:
        with victim.held(trained.images, 0):
            aims = torch.tensor([[0, 2]]).repeat(60, 1)
            looks.append(victim.look(trained.images, trained.labels, None, cross_entropy, gradient=True, aims=aims))
    for name in ("logits", "loss", "gradient", "slopes"):
        torch.testing.assert_close(getattr(looks[0], name), getattr(looks[1], name), rtol=1e-4, atol=1e-5)
    assert looks[0].slopes.shape == (60, 2, 3, 12, 12)


def test_gradients_are_those_of_the_loss(linear: Callable[..., Any]) -> None:
    made = linear(3)
    victim = Victim(made.model)
    aims = torch.tensor([[2, 0]]).repeat(len(made.images), 1)
    with victim.held(made.images, 0):
        look = victim.look(made.images, made.labels, None, margin, gradient=True, aims=aims)
    weights = made.model.weights.detach()
    torch.testing.assert_close(look.slopes.flatten(2), weights[[2, 0]].expand(len(made.images), -1, -1))
    best = made.model(made.images).detach().scatter(1, made.labels[:, None], -torch.inf).argmax(dim=1)
    torch.testing.assert_close(look.gradient.flatten(1), weights[best] - weights[made.labels])


def test_the_memory_of_a_slice_is_kept(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    network = Wrapped(trained.network, before=lambda x: sizes.append(len(x)) or x)
    monkeypatch.setattr("evenhand.attacks.victim.MEMORY", 400_000)
    held(Victim(network), trained.images)
    assert 1 < max(sizes) < 40


def test_a_slice_that_does_not_fit_is_halved(trained: Any) -> None:
    sizes = []

    def limited(images: Tensor) -> Tensor:
        sizes.append(len(images))
        if len(images) > 10:
            raise torch.OutOfMemoryError
        return images

    found = held(Victim(Wrapped(trained.network, before=limited)), trained.images)
    torch.testing.assert_close(found, trained.network(trained.images).detach(), rtol=1e-4, atol=1e-5)
    assert sizes[-1] <= 10


def probabilities(trained: Any) -> nn.Module:
    return Wrapped(trained.network, after=lambda logits: logits.softmax(dim=1))


def test_probabilities_are_an_error_unless_announced(trained: Any) -> None:
    with pytest.raises(ModelFileError, match=r"returns probabilities, not logits.*probabilities=True"):
        held(Victim(probabilities(trained)), trained.images)
    found = held(Victim(probabilities(trained), probabilities=True), trained.images)
    torch.testing.assert_close(found, trained.network(trained.images).detach().log_softmax(dim=1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_logits_that_are_no_numbers_are_an_error(trained: Any, value: float) -> None:
    broken = Wrapped(trained.network, after=lambda logits: torch.where(logits == logits.max(), value, logits))
    with pytest.raises(ModelFileError, match="no finite numbers"):
        held(Victim(broken), trained.images)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (lambda logits: logits[:, :1], "one number an image"),
        (lambda logits: logits[0], r"one row of logits an image, 8 rows here; it returned \(4,\)"),
        (lambda logits: (logits, logits), "it returned tuple"),
        (lambda logits: logits[:, :, None], r"it returned \(8, 4, 1\)"),
    ],
)
def test_what_is_no_logits_is_an_error(trained: Any, after: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        held(Victim(Wrapped(trained.network, after=after)), trained.images)


def test_images_that_the_model_cannot_take(trained: Any) -> None:
    with pytest.raises(ModelFileError, match=r"cannot take images of 1x12x12"):
        held(Victim(trained.network), trained.images[:, :1])


def test_what_is_no_model() -> None:
    with pytest.raises(UsageError, match=r"torch\.nn\.Module or a function of images, not str"):
        Victim("model.pt")  # type: ignore[arg-type]


def test_a_model_without_a_way_back_says_so(trained: Any) -> None:
    stopped = Wrapped(trained.network, after=lambda logits: logits.detach().round())
    with pytest.raises(ModelFileError, match=r"no gradient.*square"):
        attack(stopped, trained.images, trained.labels, "pgd")


def test_functions_are_given_arrays_and_have_no_gradient(trained: Any) -> None:
    def function(images: Any) -> Any:
        assert images.dtype == np.float32
        with torch.no_grad():
            return trained.network(torch.from_numpy(images)).numpy().astype(np.float64)

    victim = Victim(function)
    assert not victim.differentiable
    torch.testing.assert_close(held(victim, trained.images), trained.network(trained.images).detach())


@pytest.mark.parametrize("before", ["view", "double", "half"])
def test_networks_of_every_kind(trained: Any, before: str) -> None:
    """Those that reshape with view cannot take pictures laid out channels last; others have other numbers inside."""
    images, network = trained.images, trained.network
    expected = network(images).detach()
    if before == "view":
        network = nn.Sequential(*network[:6], Wrapped(nn.Identity(), before=lambda x: x.view(len(x), -1)), *network[7:])
    else:
        network = Wrapped(network, before=lambda x: x.float())
        network.register_parameter("first", nn.Parameter(torch.zeros(1, dtype=getattr(torch, before))))
    result = attack(network, images, trained.labels, "fgsm", eps=0.1)
    np.testing.assert_allclose(result.clean_logits, expected.numpy(), rtol=2e-2, atol=2e-2)
    assert result.fooled.any()


def test_whatever_mode_torch_is_in(trained: Any) -> None:
    plain = attack(trained.network, trained.images, trained.labels, "fgsm", eps=0.1)
    for mode in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16)):
        with mode:
            found = attack(trained.network, trained.images, trained.labels, "fgsm", eps=0.1)
        np.testing.assert_array_equal(found.adversarial, plain.adversarial)


def test_numbers_added_to_the_logits(trained: Any) -> None:
    victim = Victim(trained.network)
    found = held(victim.adjusted((0.0, 5.0, 0.0, -5.0)), trained.images)
    torch.testing.assert_close(found, held(victim, trained.images) + torch.tensor([0.0, 5.0, 0.0, -5.0]))
