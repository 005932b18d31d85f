import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evenhand.remedies.plan import Mixing
from evenhand.training.mixing import Mixer, label_parts, patches, symmetric_beta

SIZE = (8, 12)
BLEND, PATCH = Mixing("blend", 1.0), Mixing("patch", 1.0)


def mixer(mixing: Mixing, n: int = 40, *, kept: np.ndarray | None = None, epoch: int = 0) -> Mixer:
    """Return the mixer of an epoch of all images that are kept, a quarter of them of class 1."""
    identity = np.arange(n)[kept if kept is not None else slice(None)]
    targets = np.eye(2)[(identity % 4 == 0).astype(int)]
    order = np.arange(len(identity))
    return Mixer(mixing, order, targets, identity, SIZE, seed=0, epoch=epoch)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 2.0, 4.0])
def test_lambda_has_the_beta_distribution(alpha: float) -> None:
    drawn = symmetric_beta(alpha, *np.random.default_rng(0).random((3, 5000)))
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_the_smallest_alpha_and_the_ends_of_chance_are_no_trouble() -> None:
    ends = np.array([0.0, 0.5, 1 - 2.0**-53])
    first, second, third = (grid.ravel() for grid in np.meshgrid(ends, ends, ends))
    drawn = symmetric_beta(0.05, first, second, third)
    assert np.isfinite(drawn).all()
    assert (drawn >= 0).all()
    assert (drawn <= 1).all()


def test_everything_is_a_function_of_seed_epoch_and_image() -> None:
    one, same, later = mixer(PATCH), mixer(PATCH), mixer(PATCH, epoch=1)
    for name in ("partners", "part", "label_part"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(later, name))


@pytest.mark.parametrize("mixing", [BLEND, Mixing("patch", 1.0, partners=(0.5, 2.5))])
def test_an_image_that_leaves_changes_only_those_it_was_mixed_with(mixing: Mixing) -> None:
    kept = np.delete(np.arange(200), 17)
    whole, part = mixer(mixing, 200), mixer(mixing, 200, kept=kept)
    before = whole.partners[kept]
    after = kept[part.partners]
    # Weighted partners: where the share of a class moves, a few more change the class of their partner.
    assert (before != after).sum() <= (before == 17).sum() + (2 if mixing.partners else 0)
    np.testing.assert_array_equal(whole.part[kept], part.part)


def test_partners_of_the_epoch_are_about_uniform_and_those_by_weight_follow_the_weights() -> None:
    plain = np.concatenate([mixer(BLEND, 400, epoch=epoch).partners for epoch in range(20)])
    assert 0.2 < (plain % 4 == 0).mean() < 0.3
    assert len(np.unique(plain)) > 390
    # 300 images of class 0 with a weight of 1/3 and 100 of class 1 with 3: three quarters of the mass on class 1.
    weighted = Mixing("patch", 1.0, partners=(1 / 3, 3.0))
    rare = np.concatenate([mixer(weighted, 400, epoch=epoch).partners for epoch in range(20)])
    assert 0.72 < (rare % 4 == 0).mean() < 0.78
    assert len(np.unique(rare)) > 390


def test_repeated_draws_of_one_image_have_partners_of_their_own() -> None:
    order = np.zeros(30, dtype=np.int64)
    made = Mixer(
        BLEND,
        np.concatenate([order, np.arange(1, 30)]),
        np.eye(2)[np.arange(30) % 2],
        np.arange(30),
        SIZE,
        seed=0,
        epoch=0,
    )
    assert len(np.unique(made.part[:30])) == 30


def test_a_share_of_the_images_is_left_alone() -> None:
    part = mixer(Mixing("blend", 1.0, chance=0.25), 2000).part
    assert 0.7 < (part == 1).mean() < 0.8


def test_blending_by_hand() -> None:
    made = mixer(BLEND)
    own, partners = torch.zeros(40, 3, *SIZE), torch.ones(40, 3, *SIZE)
    found = made.images(own.clone(), partners, 0)
    np.testing.assert_allclose(found[:, 0, 0, 0], 1 - made.part, rtol=1e-6)
    assert torch.equal(found, found[:, :1, :1, :1].expand_as(found))
    rows = made.labels(torch.tensor([[1.0, 0.0]]).expand(40, 2), torch.tensor([[0.0, 1.0]]).expand(40, 2), 0)
    np.testing.assert_allclose(rows[:, 0], made.part, rtol=1e-6)
    torch.testing.assert_close(rows.sum(dim=1), torch.ones(40))


def test_a_patch_is_one_rectangle_and_the_label_its_area() -> None:
    made = mixer(PATCH, 300)
    found = made.images(torch.zeros(300, 3, *SIZE), torch.ones(300, 3, *SIZE), 0)
    np.testing.assert_allclose(1 - found.mean(dim=(1, 2, 3)).numpy(), made.label_part, atol=1e-6)
    for image in found[:, 0].numpy():
        if image.any():
            rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
            assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert torch.equal(found[10:20], made.images(torch.zeros(10, 3, *SIZE), torch.ones(10, 3, *SIZE), 10))


@given(st.floats(0, 1), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_rectangles_lie_inside_and_cover_no_more_than_they_should(part: float, down: float, across: float) -> None:
    top, bottom, left, right = patches(np.array([part]), np.array([down]), np.array([across]), SIZE)[:, 0]
    assert 0 <= top <= bottom <= SIZE[0]
    assert 0 <= left <= right <= SIZE[1]
    assert bottom - top <= SIZE[0] * np.sqrt(1 - part) + 1e-9
    assert right - left <= SIZE[1] * np.sqrt(1 - part) + 1e-9


def test_half_an_image_cut_in_its_middle() -> None:
    # 1 - 3/4 covers half of each side: rows 2 to 5 of 8 and columns 3 to 8 of 12.
    assert patches(np.array([0.75]), np.array([0.5]), np.array([0.5]), SIZE)[:, 0].tolist() == [2, 6, 3, 9]


def test_remix_gives_the_label_to_the_rarer_class_where_the_other_is_far_commoner() -> None:
    mixing = Mixing("blend", 1.0, shares=(0.6, 0.25, 0.15), kappa=3.0, tau=0.4)
    own = np.array([0, 0, 2, 2, 0, 1, 0, 1])
    partners = np.array([2, 2, 0, 0, 1, 0, 0, 2])
    part = np.array([0.3, 0.5, 0.7, 0.5, 0.1, 0.9, 0.1, 0.2])
    # .6 / .15 = 4 is enough, .6 / .25 = 2.4 and .25 / .15 = 1.7 are not; the common image's part must be below .4.
    expected = [0.0, 0.5, 1.0, 0.5, 0.1, 0.9, 0.1, 0.2]
    assert label_parts(mixing, part, own, partners).tolist() == expected


def test_an_epoch_of_one_image_mixes_it_with_itself() -> None:
    made = Mixer(BLEND, np.array([0]), np.eye(2)[[0]], np.array([5]), SIZE, seed=0, epoch=0)
    assert made.partners.tolist() == [0]
