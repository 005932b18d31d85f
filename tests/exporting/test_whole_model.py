import numpy as np
import torch

from evenhand.exporting.whole_model import WholeModel
from handed_over import model, pixels


def test_it_is_the_model_and_can_be_differentiated() -> None:
    made = model(members=2, flips=True, temperature=2.0, logit_offsets=(0.0, 1.0, -1.0))
    images = torch.from_numpy(pixels(3))
    whole = WholeModel(made)
    np.testing.assert_allclose(whole(images).detach(), made.probabilities(images.numpy()), atol=1e-6)
    scaled = (images.permute(0, 3, 1, 2).float() / 255).requires_grad_()
    whole.of_scaled(scaled)[:, 0].sum().backward()
    assert scaled.grad is not None
    assert scaled.grad.abs().max() > 0


def test_precision_and_memory_format_of_the_members_do_not_matter() -> None:
    plain, laid_out = model("resnet"), model("resnet")
    laid_out.members[0].to(memory_format=torch.channels_last, dtype=torch.float64)
    images = torch.from_numpy(pixels(2))
    np.testing.assert_allclose(WholeModel(laid_out)(images).detach(), WholeModel(plain)(images).detach(), atol=1e-6)
    assert next(laid_out.members[0].parameters()).dtype == torch.float64
