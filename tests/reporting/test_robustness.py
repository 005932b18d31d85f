import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import attacked_run
from evenhand.attacks.assault import Assault
from evenhand.errors import EvenhandError
from evenhand.reporting.robustness import picture, read_attacks

PGD = Assault("pgd:steps=4", eps=8 / 255, examples=3, lean=True)


def opened(address: str) -> Image.Image:
    head, _, data = address.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_attacks_are_read_back_with_their_pictures(tmp_path: Path) -> None:
    subject = attacked_run.subject()
    attacked_run.attack(tmp_path, [PGD], subject)
    (found,) = read_attacks(tmp_path)
    assert found.name.startswith("pgd-linf-")
    assert not found.corruptions
    assert found.told["attack"] == "pgd"
    assert len(found.examples) == 3
    example = found.examples[0]
    assert example.tiny
    row = int(example.facts["path"].removesuffix(".png"))
    original, noise, adversarial = (np.asarray(opened(address).convert("RGB")) for address in example.pictures)
    # The pictures are those of the files, pixel by pixel.
    assert (original == subject.pixels[row]).all()
    with np.load(next((tmp_path / "robustness").glob("pgd*")) / "adversarial.npz") as file:
        assert (adversarial == file["images"][row]).all()
    factor = float(example.facts["noise_magnified"])
    shown = (noise.astype(float) - 127.5) / 255 / factor
    assert np.abs(shown - (adversarial.astype(float) - original) / 255).max() < 1 / 255 + 1 / factor / 255


def test_only_the_attacks_on_one_model_are_read_where_that_is_asked(tmp_path: Path) -> None:
    attacked_run.attack(tmp_path, [PGD])
    attacked_run.attack(tmp_path, [Assault("fgsm", eps=0.1, lean=True)], attacked_run.subject(model="other"))
    assert [one.told["attack"] for one in read_attacks(tmp_path)] == ["fgsm", "pgd"]
    assert [one.told["attack"] for one in read_attacks(tmp_path, "m")] == ["pgd"]
    assert read_attacks(tmp_path, "nobody") == ()


def test_what_is_not_finished_is_not_there(tmp_path: Path) -> None:
    assert read_attacks(tmp_path) == ()
    (tmp_path / "robustness" / "pgd-linf-0.1-half").mkdir(parents=True)
    assert read_attacks(tmp_path) == ()


@pytest.mark.parametrize("name", ["result.json", "examples/00.png", "examples/01-adversarial.png"])
def test_what_is_damaged_is_said(tmp_path: Path, name: str) -> None:
    attacked_run.attack(tmp_path, [PGD])
    (folder,) = (tmp_path / "robustness").iterdir()
    (folder / name).write_bytes(b"x")
    with pytest.raises(EvenhandError, match=r"damaged.*Delete"):
        read_attacks(tmp_path)


def test_large_pictures_are_made_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacked_run, "SIDE", 120)
    attacked_run.attack(tmp_path, [Assault("fgsm", eps=0.1, examples=1, lean=True)], attacked_run.subject(each=2))
    (found,) = read_attacks(tmp_path)
    assert not found.examples[0].tiny
    assert all(opened(address).size == (96, 96) for address in found.examples[0].pictures)


def test_words_of_a_picture_are_safe() -> None:
    shown = picture("data:x", 'Labelled "<b>"', tiny=True)
    assert "<b>" not in shown
    assert 'class="adv tiny"' in shown
    assert 'class="adv"' in picture("data:x", "Cars", tiny=False)


def test_the_same_folder_gives_the_same_pictures(tmp_path: Path, tree: Callable[[Path], dict[str, str | None]]) -> None:
    attacked_run.attack(tmp_path, [PGD])
    before = tree(tmp_path)
    assert read_attacks(tmp_path) == read_attacks(tmp_path)
    assert tree(tmp_path) == before
