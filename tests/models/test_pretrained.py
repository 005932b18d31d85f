import shutil
from pathlib import Path

import pytest

from backbones import change, tiny
from evenhand.errors import ModelFileError, UsageError
from evenhand.models.catalogue import resolved_model
from evenhand.models.pretrained import KINDS, find, is_pretrained, located, read

pytest.importorskip("transformers", reason="pre-trained backbones need evenhand[pretrained]")


def test_a_backbone_is_named_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    first = find(f"hf:{tiny(tmp_path / 'one/Tiny ViT')}")
    shutil.copytree(first.folder, tmp_path / "two/Tiny ViT")
    change(tmp_path / "two/Tiny ViT", transformers_version="1.0", id2label={"0": "tench"})
    moved = find(f"hf:{tmp_path / 'two/Tiny ViT'}")
    assert moved.name == first.name
    assert first.name.startswith("hf:Tiny-ViT@")
    assert is_pretrained(first.name)
    assert find(first.name).folder == located(first.name) == (tmp_path / "two/Tiny ViT").resolve()
    # Other weights, another processor, another way of computing: another backbone.
    others = [
        tiny(tmp_path / "three/Tiny ViT", seed=1),
        tiny(tmp_path / "four/Tiny ViT", image_mean=[0.1, 0.2, 0.3]),
        shutil.copytree(first.folder, tmp_path / "five/Tiny ViT"),
    ]
    change(others[2], layer_norm_eps=1e-3)
    assert len({first.name, *(find(f"hf:{folder}").name for folder in others)}) == 4


def test_a_backbone_that_changes_under_a_run_is_refused(tmp_path: Path) -> None:
    found = find(f"hf:{tiny(tmp_path / 'mine')}")
    change(tmp_path / "mine", layer_norm_eps=1e-3)
    with pytest.raises(ModelFileError, match="no longer"):
        located(found.name)


def test_a_name_that_is_not_on_this_machine_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hf:nobody/nothing-of-this-name", f"hf:{tmp_path / 'nowhere'}"):
        with pytest.raises(UsageError, match="nothing is downloaded unasked") as caught:
            find(name)
        assert "hf download" in str(caught.value)
    with pytest.raises(UsageError, match="after it"):
        find("hf: ")
    with pytest.raises(UsageError, match=r"Did you mean 'resnet'.*hf:FOLDER"):
        resolved_model("resent")
    assert resolved_model("simple") == "simple"


def test_a_model_in_the_cache_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache as it lies on disk: a revision's folder and a reference to it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--somebody--tiny"
    tiny(place / "snapshots/0123")
    (place / "refs").mkdir()
    (place / "refs/main").write_text("0123")
    import huggingface_hub.file_download as module

    monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path), raising=False)
    found = find("hf:somebody/tiny")
    assert found.name.startswith("hf:tiny@")
    assert found.folder == (place / "snapshots/0123").resolve()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("backbone"), "resnet")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "no JSON object"),
        (lambda folder: change(folder, auto_map={"AutoModel": "evil.Model"}), "code of its own, which is not run"),
        (lambda folder: change(folder, quantization_config={}), "quantised"),
        (lambda folder: change(folder, model_type="bert"), "is a 'bert'"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "how pictures are prepared"),
        (lambda folder: (folder / "preprocessor_config.json").write_text("{}"), "cannot be followed"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "may hold code"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "model.safetensors.index.json"),
            "cannot be read",
        ),
    ],
)
def test_what_cannot_be_used_safely_is_refused(whole: Path, tmp_path: Path, damage: object, message: str) -> None:
    folder = shutil.copytree(whole, tmp_path / "damaged")
    damage(folder)  # type: ignore[operator]
    with pytest.raises(ModelFileError, match=message):
        find(f"hf:{folder}")


def test_weights_in_several_files_count_all_of_them(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "parts")
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}')
    with pytest.raises(ModelFileError, match="not there"):
        read(folder)
    (folder / "b.safetensors").write_bytes(b"1")
    before = read(folder)[2]
    (folder / "b.safetensors").write_bytes(b"22")
    assert read(folder)[2] != before
    index.write_text('{"weight_map": {"x": "../a.safetensors"}}')
    with pytest.raises(ModelFileError, match="not there"):
        read(folder)


def test_no_kind_may_choose_its_own_code_for_attention() -> None:
    assert all(words["attn_implementation"] in ("eager", "sdpa") for _, words in KINDS.values())
