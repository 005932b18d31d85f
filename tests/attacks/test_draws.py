import numpy as np
from scipy import stats

from evenhand.attacks.draws import identities, normals, uniforms

NAMES = np.array([3, 99, 4, 5], dtype=np.int64)


def test_names_depend_on_content_alone() -> None:
    images = np.random.default_rng(0).random((4, 3, 5, 5), dtype=np.float32)
    names = identities(images)
    assert len(set(names.tolist())) == 4
    assert identities(images[[2, 0]]).tolist() == names[[2, 0]].tolist()
    assert (
        identities(np.ascontiguousarray(images.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)).tolist() == names.tolist()
    )


def test_numbers_depend_on_seed_use_and_image_alone() -> None:
    drawn = uniforms("start", 1, 0, NAMES, (2, 3))
    assert (uniforms("start", 1, 0, NAMES[[3, 1]], (2, 3)) == drawn[[3, 1]]).all()
    for other in (("stop", 1, 0), ("start", 2, 0), ("start", 1, 1)):
        assert not (uniforms(*other, NAMES, (2, 3)) == drawn).any()


def test_neighbouring_names_share_no_numbers() -> None:
    drawn = uniforms("start", 0, 0, np.arange(50, dtype=np.int64), (100,))
    assert len(np.unique(drawn)) == drawn.size


def test_numbers_are_distributed_as_they_should_be() -> None:
    assert stats.kstest(uniforms("a", 0, 0, NAMES, (5000,)).ravel(), "uniform").pvalue > 0.01
    assert stats.kstest(normals("a", 0, 0, NAMES, (5000,)).ravel(), "norm").pvalue > 0.01
