from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from evenhand.errors import DataError, UsageError
from evenhand.models.catalogue import build
from evenhand.pipeline.evaluating import evaluate, evaluate_against
from evenhand.records.evaluation import Evaluation
from evenhand.settings.commands import Evaluate
from evenhand.settings.costs import Costs
from evenhand.training.model_file import Model, save_model
from evenhand.training.recipe import Recipe

SHARED = Path(__file__).parents[2] / "shared/data/car-truck-cat"
COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}


class Colours(torch.nn.Module):
    """Knows the classes red, green, blue, in this order, by their colour; it is never wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(20.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scale * images.mean(dim=(2, 3))


@pytest.fixture
def knows_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose classes are not in the order of the alphabet."""
    monkeypatch.setattr("evenhand.training.model_file.build", lambda *words, **named: Colours())
    recipe = Recipe(model="simple", precision="float32", channels_last=False)
    model = Model(("red", "green", "blue"), (16, 16), recipe, (Colours(),))
    save_model(model, tmp_path / "model", {})
    return tmp_path / "model"


def data(place: Path, **counts: int) -> Path:
    for name, count in counts.items():
        (place / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.full((16, 16, 3), COLOURS[name.split("-")[0]], dtype=np.uint8)
            pixels[number] = 255
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


def test_classes_are_matched_by_name(knows_colours: Path, tmp_path: Path) -> None:
    found = evaluate(Evaluate(knows_colours, data(tmp_path / "data", blue=2, green=3, red=4)))
    assert found.classes == ("red", "green", "blue")
    assert found.accuracy.value == 1
    assert [row.support for row in found.per_class] == [4, 3, 2]


def test_data_may_lack_a_class(knows_colours: Path, tmp_path: Path) -> None:
    found = evaluate(Evaluate(knows_colours, data(tmp_path / "data", blue=2, red=4)))
    assert found.classes == ("red", "green", "blue")
    assert found.balanced_accuracy.value == 1
    assert found.per_class[1].support == 0
    assert evaluate(Evaluate(knows_colours, data(tmp_path / "one", red=3))).accuracy.value == 1


def test_a_class_that_the_model_does_not_know_is_named(knows_colours: Path, tmp_path: Path) -> None:
    place = data(tmp_path / "data", blue=1, red=1)
    (place / "red").rename(place / "redd")
    with pytest.raises(DataError, match=r"class 'redd'.*Did you mean 'red'"):
        evaluate(Evaluate(knows_colours, place))


@pytest.mark.parametrize(("split", "n"), [("auto", 1), ("test", 1), ("train", 3), ("val", 2), ("all", 6)])
def test_the_split_asked_for_is_judged(knows_colours: Path, tmp_path: Path, split: str, n: int) -> None:
    for name, count in (("train", 3), ("dev", 2), ("test", 1)):
        data(tmp_path / "data" / name, red=count)
    assert evaluate(Evaluate(knows_colours, tmp_path / "data", split=split)).n == n


def test_a_split_that_is_not_there(knows_colours: Path, tmp_path: Path) -> None:
    place = data(tmp_path / "data", red=2, blue=2)
    assert evaluate(Evaluate(knows_colours, place)).n == 4
    with pytest.raises(DataError, match=r"no val images\. Leave --split out"):
        evaluate(Evaluate(knows_colours, place, split="val"))


def test_images_of_another_size_are_brought_to_that_of_the_model(knows_colours: Path, tmp_path: Path) -> None:
    place = data(tmp_path / "data", red=2, blue=2)
    for file in place.rglob("*.png"):
        with Image.open(file) as image:
            image.resize((40, 24)).save(file)
    assert evaluate(Evaluate(knows_colours, place)).accuracy.value == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"network": "resnet"}, "its own --model simple"),
        ({"classes": ("blue", "green", "red")}, "its own --classes red,green,blue"),
        ({"size": (32, 32)}, "its own --size 16x16"),
    ],
)
def test_a_model_folder_brings_its_own_words(
    knows_colours: Path, tmp_path: Path, words: dict[str, Any], message: str
) -> None:
    place = data(tmp_path / "data", red=2, blue=2)
    with pytest.raises(UsageError, match=message):
        evaluate(Evaluate(knows_colours, place, **words))
    same = {"network": "simple", "classes": ("red", "green", "blue"), "size": (16, 16)}
    assert evaluate(Evaluate(knows_colours, place, **same)).n == 4


@pytest.fixture
def mixes_up_red_and_blue(knows_colours: Path, tmp_path: Path) -> Path:
    """A model folder of the same network with the classes the other way round: right about green alone."""
    recipe = Recipe(model="simple", precision="float32", channels_last=False)
    save_model(Model(("blue", "green", "red"), (24, 24), recipe, (Colours(),)), tmp_path / "other", {})
    return tmp_path / "other"


def test_two_models_are_compared_image_by_image_by_the_names_of_classes(
    knows_colours: Path, mixes_up_red_and_blue: Path, tmp_path: Path
) -> None:
    place = data(tmp_path / "data", blue=2, green=3, red=4)
    found, corrected, against = evaluate_against(Evaluate(knows_colours, place, against=mixes_up_red_and_blue))
    assert (found.accuracy.value, corrected) == (1, None)
    assert against is not None
    paired = against.given
    assert (paired.both_right, paired.only_first, paired.only_second, paired.both_wrong) == (3, 6, 0, 0)
    assert paired.p == pytest.approx(2 / 2**6)
    assert paired.balanced_accuracy.value == pytest.approx(2 / 3)
    assert (against.corrected, against.to_json()["model"]) == (None, str(mixes_up_red_and_blue))
    back = evaluate_against(Evaluate(mixes_up_red_and_blue, place, against=knows_colours))[2]
    assert back is not None
    assert (back.given.only_first, back.given.only_second) == (0, 6)
    assert evaluate_against(Evaluate(knows_colours, place))[2] is None


def test_models_that_cannot_be_compared_are_refused(knows_colours: Path, tmp_path: Path) -> None:
    place = data(tmp_path / "data", red=2, blue=2)
    with pytest.raises(UsageError, match=r"--against takes a model folder"):
        evaluate_against(Evaluate(knows_colours, place, against=tmp_path / "nothing"))
    recipe = Recipe(model="simple", precision="float32", channels_last=False)
    save_model(Model(("blue", "mauve", "red"), (16, 16), recipe, (Colours(),)), tmp_path / "mauve", {})
    with pytest.raises(UsageError, match=r"red, green, blue.*blue, mauve, red.*same classes"):
        evaluate_against(Evaluate(knows_colours, place, against=tmp_path / "mauve"))


def test_nothing_is_left_behind(
    knows_colours: Path, tmp_path: Path, tree: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = data(tmp_path / "data", red=2, blue=2)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = tree(tmp_path)
    evaluate(Evaluate(knows_colours, place))
    assert tree(tmp_path) == before


def test_foreign_weights_take_the_classes_in_the_order_told(tmp_path: Path) -> None:
    network = build("simple", n_classes=2, size=(16, 16)).eval()
    with torch.no_grad():
        network.get_parameter("fc3.weight").zero_()
        network.get_parameter("fc3.bias").copy_(torch.tensor([5.0, 0.0]))
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    place = data(tmp_path / "data", blue=1, red=3)
    for classes, share in ((("red", "blue"), 0.75), (("blue", "red"), 0.25), (None, 0.25)):
        found = evaluate(Evaluate(tmp_path / "weights.pt", place, network="simple", classes=classes))
        assert found.accuracy.value == share
        assert found.classes == (classes or ("blue", "red"))


@pytest.mark.skipif(not SHARED.exists(), reason="the reference study's data is not beside this checkout")
def test_the_baseline_of_the_reference_study(evenhand: Callable[..., Any]) -> None:
    words = ("--model", "simple", "--classes", "Cars,Trucks,Cats", "--json", "--jobs", "1")
    told = evenhand("evaluate", SHARED / "pre_trained.ckpt", SHARED / "dev", *words).json
    assert told["n"] == 625
    assert told["classes"] == ["Cars", "Trucks", "Cats"]
    assert round(told["accuracy"], 4) == 0.8816
    figures = {
        name: [round(row[key], 3) for key in ("precision", "recall", "f1")] for name, row in told["per_class"].items()
    }
    assert figures == {"Cars": [0.882, 1.0, 0.937], "Trucks": [0, 0, 0], "Cats": [0, 0, 0]}
    assert [told["per_class"][name]["support"] for name in told["classes"]] == [551, 51, 23]
    assert told["confusion"] == [[551, 0, 0], [51, 0, 0], [23, 0, 0]]
    averages = {
        name: [round(told[name][key], 3) for key in ("precision", "recall", "f1")] for name in told if "average" in name
    }
    assert averages == {"macro_average": [0.294, 0.333, 0.312], "weighted_average": [0.777, 0.882, 0.826]}
    assert told["corrected"] is None


def test_stated_costs_are_told_beside_the_usual_figures(knows_colours: Path, tmp_path: Path) -> None:
    names = ("blue", "green", "red")
    # Never to say blue costs nothing; the model is surely right, and would say it.
    costs = Costs(names, ((6.0, 0.0, 0.0), (6.0, 0.0, 1.0), (6.0, 1.0, 0.0)))
    pictures = data(tmp_path / "data", blue=2, green=3, red=4)
    found = evaluate(Evaluate(knows_colours, pictures, costs=costs))
    assert found.accuracy.value == 1
    assert found.cost is not None
    assert found.cost.mean.value == 0
    assert found.cost.most_probable.value == pytest.approx(2 * 6 / 9)
    assert [sum(row) for row in found.cost.confusion] == [4, 3, 2]
    assert found.to_json()["cost"]["mean"]["value"] == 0
    assert Evaluation.from_json(found.to_json()) == found
    assert "cost" not in evaluate(Evaluate(knows_colours, pictures)).to_json()
    with pytest.raises(UsageError, match="has no red"):
        evaluate(Evaluate(knows_colours, pictures, costs=Costs(("blue", "green"), ((0.0, 1.0), (1.0, 0.0)))))
