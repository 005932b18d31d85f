import pytest
import torch
from torch import nn

from evenhand.attacks.first_layer import QuickFirstLayer


def gradient(layer: nn.Module, images: torch.Tensor, *, quick: bool) -> tuple[torch.Tensor, str]:
    point = images.clone().requires_grad_()
    if quick:
        with QuickFirstLayer():
            out = layer(point)
    else:
        out = layer(point)
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    return torch.autograd.grad((out * weights).sum(), point)[0], type(out.grad_fn).__name__


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("kernel", "padding"), [(3, 0), (3, 1), (5, 0), (5, 2), ((3, 7), (2, 3)), (7, 6)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_is_the_same(channels: int, kernel: object, padding: object, layout: torch.memory_format) -> None:
    layer = nn.Conv2d(channels, 5, kernel, padding=padding).requires_grad_(False)  # type: ignore[arg-type]
    images = torch.rand(3, channels, 10, 14).contiguous(memory_format=layout)
    quick, name = gradient(layer, images, quick=True)
    assert "Folded" in name
    usual, name = gradient(layer, images, quick=False)
    assert "Folded" not in name
    torch.testing.assert_close(quick, usual, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(5, 2, 3), (10, 10)),
        (nn.Conv2d(3, 2, 3), (9, 10)),
        (nn.Conv2d(3, 2, 3, stride=2), (10, 10)),
        (nn.Conv2d(3, 2, 3, dilation=2), (10, 10)),
        (nn.Conv2d(3, 3, 3, groups=3), (10, 10)),
        (nn.Conv2d(3, 2, 3, padding="same"), (10, 10)),
        (nn.Conv2d(3, 2, 1), (10, 10)),
        (nn.Conv2d(3, 2, 3, padding=3), (10, 10)),
        (nn.Conv2d(3, 2, 3).double(), (10, 10)),
    ],
)
def test_other_convolutions_are_left_alone(layer: nn.Conv2d, shape: tuple[int, int]) -> None:
    layer.requires_grad_(False)
    images = torch.rand(2, layer.in_channels, *shape, dtype=layer.weight.dtype)
    quick, name = gradient(layer, images, quick=True)
    assert "Folded" not in name
    assert torch.equal(quick, gradient(layer, images, quick=False)[0])


def test_weights_that_are_to_be_trained_keep_their_gradient() -> None:
    layer = nn.Conv2d(3, 2, 3)
    with QuickFirstLayer():
        layer(torch.rand(2, 3, 8, 8).requires_grad_()).sum().backward()
    assert layer.weight.grad is not None
