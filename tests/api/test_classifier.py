import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from evenhand import EvenhandClassifier
from evenhand.errors import DataError, UsageError
from evenhand.training.model_file import load_model, save_model

PLAIN = {"precision": "float32"}
TABLES = EvenhandClassifier(
    remedy="none",
    recipe="reference",
    epochs=10,
    batch=16,
    learning_rate=0.005,
    set={"optimiser": "adamw", "schedule": "one-cycle", **PLAIN},
    pixel_range="fit",
)
"""The checks come with tables of standardised numbers, each row read as a picture one pixel high."""

INAPPLICABLE = {
    "check_array_api_input": "networks compute in torch, from uint8 pixels: arrays of other libraries are copied first",
}


def inapplicable(estimator: EvenhandClassifier) -> dict[str, str]:
    return INAPPLICABLE


@parametrize_with_checks([TABLES], expected_failed_checks=inapplicable)
def test_scikit_learn_takes_it_for_one_of_its_own(estimator: Any, check: Any) -> None:
    check(estimator)


def pictures(count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = np.where(np.arange(count) % 3 == 0, "bright", "dark")
    images = draw.integers(0, 120, (count, 16, 16, 3)) + 130 * (labels == "bright")[:, None, None, None]
    return images.astype(np.uint8), labels


X, Y = pictures()


def quick(**changes: Any) -> EvenhandClassifier:
    return EvenhandClassifier(**{"epochs": 6, "batch": 8, "learning_rate": 0.01, "set": PLAIN} | changes)


def test_it_learns_and_says_the_same_again() -> None:
    first, again = quick().fit(X, Y), quick().fit(X, Y)
    assert first.score(X, Y) == 1.0
    assert first.classes_.tolist() == ["bright", "dark"]
    assert (first.size_, first.pixel_range_) == ((16, 16), (0.0, 255.0))
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(first.predict_proba(X), quick(random_state=1).fit(X, Y).predict_proba(X))
    np.testing.assert_allclose(first.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_scale_and_size_are_those_of_the_training() -> None:
    fitted = quick().fit(X, Y)
    np.testing.assert_allclose(quick().fit(X / 255.0, Y).predict_proba(X / 255.0), fitted.predict_proba(X), atol=1e-5)
    floats = quick().fit(X.astype(float), Y)
    dark = X[1:2] // 200
    assert floats.predict(dark.astype(float)).tolist() == ["dark"], "0 to 1 is black here, not white"
    large = np.repeat(np.repeat(X, 2, axis=1), 2, axis=2)
    assert fitted.score(large, Y) == 1.0
    grey = quick().fit(X[..., 0], Y)
    np.testing.assert_array_equal(grey.predict(X[..., :1]), grey.predict(X[..., 0]))
    assert not hasattr(fitted, "n_features_in_")


@pytest.mark.parametrize("remedy", ["crt", "balpoe", "logit-adjust", "smote:k=2+mixup"])
def test_every_kind_of_remedy_can_be_fitted(remedy: str) -> None:
    assert quick(remedy=remedy, members=2).fit(X, Y).score(X, Y) > 0.9


def test_it_goes_through_searches_pipelines_clones_and_pickles() -> None:
    assert cross_val_score(quick(), X, Y, cv=3).mean() > 0.9
    search = GridSearchCV(quick(), {"remedy": ["none", "sampler"], "learning_rate": [0.01]}, cv=2).fit(X, Y)
    assert search.best_params_["remedy"] in ("none", "sampler")
    flat = make_pipeline(StandardScaler(), quick(image_shape=(16, 16, 3), pixel_range="fit"))
    assert flat.fit(X.reshape(len(X), -1), Y).score(X.reshape(len(X), -1), Y) > 0.9
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
    fitted = quick().fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_paths_are_images_too(tmp_path: Path) -> None:
    paths = []
    for number, image in enumerate(X):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    fitted = quick().fit(paths, Y)
    np.testing.assert_array_equal(fitted.predict_proba(paths), quick().fit(X, Y).predict_proba(X))
    assert fitted.predict(np.array(list(map(str, paths)), dtype=object)).tolist() == Y.tolist()
    assert cross_val_score(quick(), [str(path) for path in paths], Y, cv=2).mean() > 0.9
    paths[3].write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"3\.png cannot be read"):
        fitted.predict(paths)


def test_its_model_can_be_taken_along(tmp_path: Path) -> None:
    fitted = quick().fit(X, Y)
    save_model(fitted.model_, tmp_path / "model", {})
    np.testing.assert_array_equal(load_model(tmp_path / "model").probabilities(X), fitted.predict_proba(X))


@pytest.mark.parametrize(
    ("changes", "images", "error", "message"),
    [
        ({"remedy": "smoote"}, X, UsageError, "Did you mean 'smote'"),
        ({"remedy": "sampler+class-weights"}, X, UsageError, "both make up"),
        ({"model": "resnett"}, X, UsageError, "Did you mean 'resnet'"),
        ({"preset": "fast"}, X, UsageError, "There is no preset"),
        ({"set": {"epochs": 3}}, X, UsageError, "said twice"),
        ({"members": 0}, X, UsageError, "members must be"),
        ({"pixel_range": "auto-fit"}, X, UsageError, "pixel_range is"),
        ({}, X * 3.0 - 90, DataError, 'pixel_range="fit"'),
        ({}, X[:5], ValueError, "5 images and y has 30 labels"),
        ({}, X[..., :2], DataError, "shape 16x16x2"),
        ({}, "pictures", ValueError, "sequence of paths"),
        ({"image_shape": (4, 4)}, X.reshape(30, -1), ValueError, "768 features"),
        ({"size": 8}, X, DataError, "at least 16x16"),
    ],
)
def test_mistakes_say_what_is_wrong(changes: dict[str, Any], images: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        quick(**changes).fit(images, Y)


def test_nothing_is_predicted_before_it_is_fitted() -> None:
    with pytest.raises(NotFittedError):
        quick().predict(X)
