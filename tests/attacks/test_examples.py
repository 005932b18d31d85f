import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from evenhand.attacks.attacking import attack
from evenhand.attacks.examples import choose, magnified, to_bytes, write_examples

NAMES = ("cats", "dogs", "ships, old", "vans")


def test_noise_is_magnified_to_the_full_range_around_grey() -> None:
    noise = np.zeros((3, 2, 2), dtype=np.float32)
    noise[0, 0, 0], noise[1, 1, 1] = 0.02, -0.01
    shown, factor = magnified(noise)
    assert factor == pytest.approx(25)
    assert shown[0, 0].tolist() == [255, 128, 128]
    assert shown[1, 1].tolist() == [128, 64, 128]
    assert magnified(0 * noise)[1] == 1


def test_successes_of_every_class_are_shown_first(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=16 / 255)
    rows = choose(result, 8)
    assert result.fooled[rows].all()
    assert sorted(set(result.labels[rows].tolist())) == sorted(set(result.labels[result.fooled].tolist()))
    everything = choose(result, 1000)
    assert len(everything) == result.attempted.sum()
    assert not result.fooled[everything[-1]]


def test_pictures_hold_what_the_table_says(trained: Any, tmp_path: Path) -> None:
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=24 / 255, target=2)
    originals = to_bytes(trained.images.numpy())
    paths = [f"{number}.png" for number in range(60)]
    assert write_examples(tmp_path / "examples", result, originals, paths, NAMES, 5) == 5
    with (tmp_path / "examples/examples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    for row in rows:
        number = paths.index(row["path"])
        with Image.open(tmp_path / f"examples/{row['example']}-adversarial.png") as image:
            saved = np.asarray(image)
        assert np.abs(saved.astype(int) - originals[number]).max() <= 24
        with torch.no_grad():
            logits = trained.network(torch.from_numpy(saved.transpose(2, 0, 1).astype(np.float32) * (1 / 255))[None])
        after = [float(row[f"png_{name}"]) for name in NAMES]
        np.testing.assert_allclose(after, logits.softmax(dim=1)[0].numpy(), atol=1e-3)
        assert (row["fooled_png"] == "true") == (int(logits.argmax()) == 2)
        assert row["target"] == "ships, old"
        assert row["given"] == NAMES[number % 4] == row["called_before"]
        before = [float(row[f"before_{name}"]) for name in NAMES]
        assert NAMES[int(np.argmax(before))] == row["called_before"]
        assert float(row["norm"]) <= 24.01 / 255
        assert float(row["noise_magnified"]) == np.round(0.5 / np.float32(row["norm"]), 4)
        with Image.open(tmp_path / f"examples/{row['example']}.png") as image:
            strip = np.asarray(image)
        assert strip.shape == (168, 3 * 168 + 16, 3)
        assert (strip[::14, :168:14] == originals[number]).all()
        assert (strip[::14, 2 * 176 :: 14] == saved).all()


def test_grey_pictures_and_nothing_to_show(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 2))
    images = torch.rand(3, 1, 6, 6)
    labels = model(images).argmax(dim=1)
    result = attack(model, images, labels, "fgsm", eps=0.3)
    assert write_examples(tmp_path / "grey", result, to_bytes(images.numpy()), "abc", ("x", "y"), 2) == 2
    with Image.open(tmp_path / "grey/00-adversarial.png") as image:
        assert image.mode == "L"
    wrong = attack(model, images, 1 - labels, "fgsm", eps=0.3)
    assert write_examples(tmp_path / "none", wrong, to_bytes(images.numpy()), "abc", ("x", "y"), 2) == 0
    assert not (tmp_path / "none").exists()
