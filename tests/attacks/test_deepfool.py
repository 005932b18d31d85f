from typing import Any

import numpy as np
import pytest

from evenhand.attacks.attacking import attack


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_is_quick_and_rough(trained: Any, norm: str) -> None:
    result = attack(trained.network, trained.images, trained.labels, "deepfool", norm=norm, eps=None)
    thorough = attack(trained.network, trained.images, trained.labels, "fmn", norm=norm, eps=None)
    assert result.fooled.all()
    assert np.median(result.first) <= 6
    assert 1 <= np.median(result.size / thorough.size) < 1.4


def test_what_it_goes_too_far_is_taken_back(trained: Any) -> None:
    near, far = (
        attack(trained.network, trained.images, trained.labels, f"deepfool:overshoot={share}", norm="l2", eps=None)
        for share in (0.02, 0.5)
    )
    assert np.median(far.size / near.size) < 1.2


def test_fewer_candidates_never_help(trained: Any) -> None:
    all_of_them = attack(trained.network, trained.images, trained.labels, "deepfool", norm="l2", eps=None)
    one = attack(trained.network, trained.images, trained.labels, "deepfool:candidates=1", norm="l2", eps=None)
    assert np.median(all_of_them.size) <= 1.01 * np.median(one.size)
