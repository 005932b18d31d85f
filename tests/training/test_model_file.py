import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evenhand.errors import ModelFileError
from evenhand.models.catalogue import build
from evenhand.models.heads import Shape
from evenhand.settings.costs import Costs, Decision, Uses
from evenhand.training.model_file import Model, load_foreign, load_model, save_model
from evenhand.training.predict import predict, softmax
from evenhand.training.recipe import Recipe

CHECKPOINT = Path(__file__).parents[2].parent / "shared/data/car-truck-cat/pre_trained.ckpt"
RECIPE = Recipe(model="resnet", width=4, precision="float32")
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)


def model(**changes: object) -> Model:
    torch.manual_seed(0)
    members = tuple(build("resnet", n_classes=3, size=(16, 16), width=4).eval() for _ in range(2))
    return Model(("قطة", "b", "c"), (16, 16), RECIPE, members, **changes)  # type: ignore[arg-type]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    made = model(flips=True, temperature=1.5, logit_offsets=(0.0, 1.0, -1.0))
    save_model(made, tmp_path / "model", {"remedy": "none"})
    found = load_model(tmp_path / "model")
    assert found.classes == made.classes
    np.testing.assert_array_equal(found.probabilities(PIXELS), made.probabilities(PIXELS))
    described = json.loads((tmp_path / "model/model.json").read_text(encoding="utf-8"))
    assert described["remedy"] == "none"
    assert described["classes"][0] == "قطة"


@pytest.mark.parametrize("shape", [Shape("cosine", scale=30.0), Shape(experts=3)])
def test_what_stands_on_top_is_saved_and_loaded(tmp_path: Path, shape: Shape) -> None:
    member = build("resnet", n_classes=3, size=(16, 16), width=4, shape=shape).eval()
    made = Model(("a", "b", "c"), (16, 16), RECIPE, (member,), shape=shape)
    save_model(made, tmp_path, {})
    found = load_model(tmp_path)
    assert found.shape == shape
    np.testing.assert_array_equal(found.probabilities(PIXELS), made.probabilities(PIXELS))


def test_members_flips_offsets_and_temperature_combine_as_stated() -> None:
    made = model(flips=True, temperature=2.0, logit_offsets=(0.0, 1.0, -1.0))
    expected = np.zeros((6, 3))
    for member in made.members:
        logits = (predict(member, PIXELS, RECIPE) + predict(member, PIXELS[:, :, ::-1], RECIPE)) / 2
        expected += softmax((logits + np.array([0, 1, -1], dtype=np.float32)) / 2) / 2
    np.testing.assert_allclose(made.probabilities(PIXELS), expected, rtol=1e-4)
    np.testing.assert_allclose(made.probabilities(PIXELS).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.json").unlink(), "not a model folder"),
        (lambda folder: (folder / "model.json").write_text("{"), "not valid JSON"),
        (lambda folder: (folder / "model.json").write_text('{"schema_version": 99}'), "version 99"),
        (lambda folder: (folder / "model.json").write_text('{"schema_version": 1}'), "recipe"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), "cannot be read"),
        (lambda folder: _change(folder, "classes", ["a", "b"]), "do not fit"),
        (lambda folder: _change(folder, "members", 3), "do not fit"),
    ],
)
def test_a_damaged_folder_is_refused_with_the_reason(tmp_path: Path, damage: object, message: str) -> None:
    save_model(model(), tmp_path, {})
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(ModelFileError, match=message):
        load_model(tmp_path)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "one", {})
    other = model()
    with torch.no_grad():
        next(other.members[0].parameters()).add_(1)
    save_model(other, tmp_path / "other", {})
    (tmp_path / "one/model.safetensors").write_bytes((tmp_path / "other/model.safetensors").read_bytes())
    with pytest.raises(ModelFileError, match=r"not the file that model\.json beside it was written for"):
        load_model(tmp_path / "one")
    # A description from before there was such a mark is taken at its word.
    _change(tmp_path / "one", "weights_sha256", None)
    assert len(load_model(tmp_path / "one").members) == 2


def test_predictions_are_in_float32_whatever_the_training_was() -> None:
    expected = model().probabilities(PIXELS)
    trained_otherwise = replace(model(), recipe=replace(RECIPE, precision="bfloat16"))
    np.testing.assert_array_equal(trained_otherwise.probabilities(PIXELS), expected)
    assert model().probabilities(PIXELS[:0]).shape == (0, 3)


def _change(folder: Path, name: str, value: object) -> None:
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(described | {name: value}), encoding="utf-8")


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"model_state_dict": state, "epoch": 3}])
def test_foreign_weights_at_the_top_or_one_level_down(tmp_path: Path, wrap: object) -> None:
    network = build("simple", n_classes=2, size=(32, 32)).eval()
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save(wrap(state), tmp_path / "weights.pt")  # type: ignore[operator]
    found = load_foreign(tmp_path / "weights.pt", "simple", ["a", "b"], (32, 32))
    pixels = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    expected = softmax(network(torch.zeros(2, 3, 32, 32)).detach().numpy())
    np.testing.assert_allclose(found.probabilities(pixels), expected, rtol=1e-5)


def test_the_width_of_foreign_resnet_weights_is_read_from_them(tmp_path: Path) -> None:
    torch.save(build("resnet", n_classes=2, size=(32, 32), width=12).state_dict(), tmp_path / "weights.pt")
    assert load_foreign(tmp_path / "weights.pt", "resnet", ["a", "b"], (32, 32)).recipe.width == 12


def test_weights_that_do_not_fit_say_which_and_what_to_check(tmp_path: Path) -> None:
    torch.save(build("simple", n_classes=4, size=(32, 32)).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ModelFileError, match=r"fc3\.bias is 4, wanted 3.*--classes"):
        load_foreign(tmp_path / "weights.pt", "simple", ["a", "b", "c"], (32, 32))


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("__import__('pathlib').Path('ran').write_text('x')",))


@pytest.mark.parametrize("write", ["pickle", "torch"])
def test_a_file_that_wants_to_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pt"
    if write == "pickle":
        path.write_bytes(pickle.dumps(Hostile()))
    else:
        torch.save({"state": Hostile()}, path)
    with pytest.raises(ModelFileError, match="nothing in it was executed"):
        load_foreign(path, "simple", ["a", "b"], (32, 32))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken"])
def test_files_that_are_no_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(ModelFileError):
        load_foreign(tmp_path / "weights.pt", "simple", ["a", "b"], (32, 32))
    with pytest.raises(ModelFileError, match="no file"):
        load_foreign(tmp_path / "absent.pt", "simple", ["a", "b"], (32, 32))


def test_a_file_without_a_state_dict_says_so(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "weights.pt")
    with pytest.raises(ModelFileError, match="no state dict"):
        load_foreign(tmp_path / "weights.pt", "simple", ["a", "b"], (32, 32))


@pytest.mark.skipif(not CHECKPOINT.exists(), reason="the reference study's data is not beside this checkout")
def test_the_studys_checkpoint_loads() -> None:
    found = load_foreign(CHECKPOINT, "simple", ["Cars", "Trucks", "Cats"], (32, 32))
    assert found.probabilities(np.zeros((1, 32, 32, 3), dtype=np.uint8)).shape == (1, 3)


def test_what_it_says_of_its_use_is_saved_and_loaded(tmp_path: Path) -> None:
    even, occur = (1 / 3,) * 3, (0.6, 0.3, 0.1)
    costs = Costs(("قطة", "b", "c"), ((0.0, 1.0, 1.0), (2.0, 0.0, 2.0), (9.0, 9.0, 0.0)))
    made = model(uses=Uses(even, occur, Decision(costs, even, occur)))
    save_model(made, tmp_path, {"training_counts": {"قطة": 60, "b": 30, "c": 10}})
    assert load_model(tmp_path).uses == made.uses
    described = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert described["prior"]["b"] == pytest.approx(1 / 3)
    del described["costs"]["table"]["b"]
    (tmp_path / "model.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(tmp_path)


def test_a_model_that_says_nothing_of_its_use_can_be_loaded(tmp_path: Path) -> None:
    save_model(model(), tmp_path, {})
    described = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(
        json.dumps({name: value for name, value in described.items() if name not in ("prior", "costs")}),
        encoding="utf-8",
    )
    assert load_model(tmp_path).uses == Uses()
