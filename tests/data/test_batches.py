from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.batches import Augmentation, Augmenter, occurrences, to_network, uniform
from evenhand.errors import UsageError

SIZE = (8, 12)


def images(n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (n, *SIZE, 3), dtype=np.uint8))


def augmented(augmentation: Augmentation, index: np.ndarray, batch: torch.Tensor, epoch: int = 0) -> torch.Tensor:
    return Augmenter(augmentation, SIZE, seed=1, epoch=epoch, index=index).apply(batch, 0)


def test_uniform_numbers_look_uniform_and_streams_independent() -> None:
    index = np.arange(20_000)
    first, second = uniform("order", 0, 0, index), uniform("crop", 0, 0, index)
    assert first.min() >= 0
    assert first.max() < 1
    histogram = np.histogram(first, bins=20, range=(0, 1))[0]
    assert ((histogram - 1000) ** 2 / 1000).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(first, uniform("order", 0, 1, index))[0, 1]) < 0.03
    assert abs(np.corrcoef(first, uniform("order", 1, 0, index))[0, 1]) < 0.03


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=50, unique=True), st.integers(0, 10**6), st.data())
def test_a_number_depends_on_its_own_index_only(index: list[int], seed: int, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(index), min_size=1))
    whole = dict(zip(index, uniform("order", seed, 3, np.array(index)), strict=True))
    assert uniform("order", seed, 3, np.array(kept)).tolist() == [whole[item] for item in kept]


@given(st.lists(st.integers(0, 5), max_size=30))
def test_occurrences_count_earlier_equals(values: list[int]) -> None:
    expected = [values[:place].count(value) for place, value in enumerate(values)]
    assert occurrences(np.array(values, dtype=np.int64)).tolist() == expected


def test_without_augmentation_nothing_changes() -> None:
    batch = images(5)
    assert not Augmentation().active
    assert torch.equal(augmented(Augmentation(), np.arange(5), batch), batch)


def test_horizontal_flip_mirrors_about_half_of_the_images_and_no_rows() -> None:
    batch = images(400)
    found = augmented(Augmentation(flip_horizontal=True), np.arange(400), batch)
    mirrored = torch.stack(
        [torch.equal(one, other) * torch.ones(()) for one, other in zip(found, batch.flip(2), strict=True)]
    )
    same = torch.stack([torch.equal(one, other) * torch.ones(()) for one, other in zip(found, batch, strict=True)])
    assert torch.equal(mirrored + same, torch.ones(400))
    assert 150 < mirrored.sum() < 250


def test_vertical_flip_is_a_setting_of_its_own() -> None:
    batch = images(50)
    found = augmented(Augmentation(flip_vertical=True), np.arange(50), batch)
    assert {torch.equal(one, other) for one, other in zip(found, batch.flip(1), strict=True)} == {True, False}


def test_crop_shifts_with_reflected_borders() -> None:
    """Every augmented image is a window of the image padded by reflection."""
    batch = images(40)
    reach = (round(8 * 8 / 32), round(8 * 12 / 32))
    found = augmented(Augmentation(crop=8), np.arange(40), batch).numpy()
    shifts = set()
    for image, result in zip(batch.numpy(), found, strict=True):
        padded = np.pad(image, ((reach[0],) * 2, (reach[1],) * 2, (0, 0)), mode="reflect")
        windows = {
            (dy, dx)
            for dy in range(2 * reach[0] + 1)
            for dx in range(2 * reach[1] + 1)
            if np.array_equal(padded[dy : dy + 8, dx : dx + 12], result)
        }
        assert len(windows) == 1
        shifts |= windows
    assert len(shifts) > 15


def test_cutout_blanks_a_square_of_the_stated_size() -> None:
    batch = torch.zeros((200, *SIZE, 3), dtype=torch.uint8)
    found = augmented(Augmentation(cutout=16), np.arange(200), batch)
    holes = (found == 128).all(dim=3).sum(dim=(1, 2))
    assert set(found.unique().tolist()) == {0, 128}
    assert int(holes.max()) == 4 * 6  # 16 per 32 pixels of side: half of each side


def test_colours_change_within_their_bounds_and_independently() -> None:
    half = torch.zeros((300, *SIZE, 3), dtype=torch.uint8)
    half[:, :4], half[:, 4:] = torch.tensor([60, 80, 100]), torch.tensor([100, 120, 140])
    found = {
        name: augmented(Augmentation(**{name: 0.2}), np.arange(300), half).float()
        for name in ("brightness", "contrast", "saturation")
    }
    mean = found["brightness"].mean(dim=(1, 2, 3)) / 100
    contrast = (found["contrast"][:, 7, 0, 1] - found["contrast"][:, 0, 0, 1]) / 40
    saturation = (found["saturation"][:, 0, 0, 2] - found["saturation"][:, 0, 0, 0]) / 40
    for factor in (mean, contrast, saturation):
        assert 0.77 <= float(factor.min()) < 0.83
        assert 1.17 < float(factor.max()) <= 1.23
    assert float(found["contrast"].mean(dim=(1, 2, 3)).std()) < 1
    assert abs(float(torch.corrcoef(torch.stack([mean, saturation]))[0, 1])) < 0.2


def test_colours_are_clipped_instead_of_wrapped() -> None:
    white = torch.full((100, *SIZE, 3), 255, dtype=torch.uint8)
    found = augmented(Augmentation(brightness=0.9), np.arange(100), white)
    assert (found == 255).float().mean() > 0.4


def test_the_policy_acts_on_most_images() -> None:
    batch = images(140)
    found = augmented(Augmentation(policy="trivial"), np.arange(140), batch)
    assert 90 < sum(not torch.equal(one, other) for one, other in zip(found, batch, strict=True)) < 138


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy": "trivail"}, "Did you mean 'trivial'"),
        ({"brightness": 1.5}, "augmentation.brightness must be 0 to 1, not 1.5"),
        ({"crop": 17}, "augmentation.crop must be 0 to 16"),
        ({"saturation": -0.1}, "augmentation.saturation"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Augmentation(**settings)


@settings(max_examples=20)
@given(st.integers(0, 30), st.integers(0, 5))
def test_the_fate_of_an_image_does_not_depend_on_its_neighbours(first: int, epoch: int) -> None:
    batch = images(31)
    augmentation = Augmentation(8, flip_horizontal=True, cutout=8, brightness=0.4, saturation=0.4, policy="trivial")
    whole = augmented(augmentation, np.arange(31), batch, epoch)
    part = augmented(augmentation, np.arange(first, 31), batch[first:], epoch)
    assert torch.equal(whole[first:], part)


def test_repeated_draws_of_one_image_differ() -> None:
    batch = images(1).expand(20, -1, -1, -1)
    found = augmented(Augmentation(crop=8, flip_horizontal=True), np.zeros(20, dtype=np.int64), batch)
    assert len({image.numpy().tobytes() for image in found}) > 5


def test_a_batch_inside_the_epoch_gets_its_own_draws() -> None:
    batch, augmentation = images(10), Augmentation(crop=8, flip_horizontal=True)
    augmenter = Augmenter(augmentation, SIZE, seed=1, epoch=0, index=np.arange(10))
    assert torch.equal(
        torch.cat([augmenter.apply(batch[:4], 0), augmenter.apply(batch[4:], 4)]), augmenter.apply(batch, 0)
    )


@pytest.mark.parametrize("channels_last", [True, False])
def test_scaling_and_layout(channels_last: bool) -> None:
    batch = images(2)
    found = to_network(batch, channels_last=channels_last)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, batch.permute(0, 3, 1, 2) / 255)
    assert found.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
