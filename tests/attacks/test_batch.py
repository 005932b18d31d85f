import numpy as np
import torch

from evenhand.attacks.batch import Batch
from evenhand.attacks.norms import measure
from evenhand.attacks.threat import NO_BOX, Threat


def batch(threat: Threat, n: int = 6, **changes: object) -> Batch:
    images = torch.from_numpy(np.random.default_rng(0).random((n, 2, 3, 3), dtype=np.float32))
    words = {
        "images": images,
        "labels": torch.arange(n),
        "targets": None,
        "identity": np.arange(n, dtype=np.int64) + 100,
        "clean": torch.rand(n, 3),
        "row": torch.arange(n),
        "threat": threat,
        "seed": 0,
        "state": {"notes": torch.arange(n) * 10},
    }
    return Batch(**(words | changes))  # type: ignore[arg-type]


def test_images_that_leave_take_everything_with_them() -> None:
    for threat in (Threat("linf", 0.1), Threat("l2", 0.1), Threat("linf", None)):
        made = batch(threat, targets=torch.arange(6) + 1)
        made.keep(torch.tensor([True, False, False, True, False, True]))
        assert len(made) == 3
        assert made.row.tolist() == [0, 3, 5]
        assert made.identity.tolist() == [100, 103, 105]
        assert made.state["notes"].tolist() == [0, 30, 50]
        assert made.targets is not None
        assert made.targets.tolist() == [1, 4, 6]
        for name in ("images", "point", "best", "best_point", "done", "clean"):
            assert len(getattr(made, name)) == 3
        assert made.inside(made.images + 5).shape == made.images.shape
        made.keep(torch.tensor([False, True, False]))
        made.keep(torch.tensor([False]))
        assert len(made) == 0


def test_points_are_brought_back_into_budget_and_range() -> None:
    for norm, eps in (("linf", 0.1), ("l2", 0.3), ("l1", 0.5), ("l0", 4.0)):
        made = batch(Threat(norm, eps))
        found = made.inside(made.images + torch.randn(made.images.shape))
        assert (measure(found - made.images, norm) <= eps * 1.00001 + 1e-6).all()
        assert found.min() >= 0
        assert found.max() <= 1
        wider = made.inside(made.images + torch.randn(made.images.shape), torch.full((6,), 2 * eps))
        assert (measure(wider - made.images, norm) <= 2 * eps * 1.00001 + 1e-6).all()
    free = batch(Threat("linf", None, NO_BOX))
    assert torch.equal(free.inside(free.images + 9), free.images + 9)
    assert torch.equal(free.in_box(free.images - 9), free.images - 9)


def test_another_pass_begins_as_the_first_did_with_other_dice() -> None:
    made = batch(Threat("linf", 0.1))
    made.point = made.point + 1
    rows = torch.tensor([False, True, False, False, True, False])
    again = made.chosen(rows, 1)
    assert torch.equal(again.point, made.images[rows])
    assert again.state["notes"].tolist() == [10, 40]
    drawn = made.uniform("start")[rows]
    assert (again.uniform("start") != drawn).all()
    assert torch.equal(made.chosen(rows, 0).uniform("start"), drawn)
    assert made.uniform("x", 3, (2,)).shape == (6, 2)
