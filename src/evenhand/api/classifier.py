"""A scikit-learn estimator: any remedy and network of the product, on arrays of images or lists of paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from evenhand.api.pictures import CALLED, ImagesError, are_paths, read_pixels, to_pixels
from evenhand.api.words import changes_of, size_of
from evenhand.data.readers.to_pixels import black_and_white
from evenhand.errors import DataError, UsageError
from evenhand.models.simple import SMALLEST_SIDE
from evenhand.pipeline.fitting import Fit, fit_model
from evenhand.records.values import Floats, Pixels
from evenhand.study.in_memory import one_thread

FITTED = "fit"
"""A `pixel_range`: black and white are the smallest and the largest number of the training images."""


class EvenhandClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An image classifier that treats rare classes fairly, for scikit-learn.

    `fit` trains on all images it is given, by one remedy; it looks for no label errors and judges nothing, which is
    what cross-validation around it is for. Those are what `evenhand.run` does.

    Parameters
    ----------
    remedy : str
        How class imbalance is dealt with; ``A+B`` composes, ``A:name=value`` sets.
    preset : str
        quick, standard or thorough: gives `model`, `recipe` and how often each of few images is seen, where these
        are None.
    model : str, optional
        The network: simple or resnet.
    recipe : str, optional
        quick, standard or reference.
    epochs, learning_rate, batch : optional
        The settings of the recipe that are searched most often.
    set : mapping, optional
        Any other ones, for example ``{"augmentation.flip_horizontal": False}``.
    members : int
        Networks whose probabilities are averaged.
    size : int or (int, int), optional
        Side of the images in pixels, or height and width; by default their own, at least 16.
    image_shape : tuple of int, optional
        (h, w) or (h, w, C) of the images in a table (n, features), such as the steps of a pipeline make. By default
        rows are squares of 1, 3 or 4 planes, or else images one pixel high.
    pixel_range : "auto", "fit" or (float, float)
        The numbers that stand for black and white. "auto": as everywhere in evenhand, judged from the training images
        and kept ([0, 1], [-1, 1], [0, 255] or [0, 65535]; others are refused). "fit": the smallest and the largest
        number of the training images. What lies beyond is cut off.
    allow_stacking : bool
        Let ``A+B`` make up for the class counts twice, which is refused else.
    device : str
        auto, cpu or cuda.
    jobs : int
        Processes that decode files, where there are many. Networks train on one thread each, so that cross-validation
        with ``n_jobs`` uses all cores.
    random_state : int, RandomState or None
        Of every random draw; None draws a new one for each fit.

    Attributes
    ----------
    classes_ : (K,) array
        The labels, sorted.
    model_ : evenhand.training.model_file.Model
        The trained networks; `evenhand.training.model_file.save_model` writes them.
    size_ : (int, int)
        Height and width of the images that the networks see, in pixels.
    pixel_range_ : (float, float)
        The numbers that stand for black and white; (0, 255) for files.
    n_features_in_ : int
        For tables alone.

    Examples
    --------
    >>> import numpy as np
    >>> from evenhand import EvenhandClassifier
    >>> images = np.repeat(np.array([0, 255], dtype=np.uint8), [12, 4])[:, None, None, None] + np.zeros((1, 16, 16, 3))
    >>> labels = np.repeat(["night", "day"], [12, 4])
    >>> found = EvenhandClassifier(epochs=20, set={"precision": "float32"}).fit(images.astype(np.uint8), labels)
    >>> found.predict(images[[0, 15]].astype(np.uint8)).tolist()
    ['night', 'day']
    """

    def __init__(
        self,
        remedy: str = "balanced-softmax",
        *,
        preset: str = "quick",
        model: str | None = None,
        recipe: str | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch: int | None = None,
        set: Mapping[str, Any] | None = None,
        members: int = 1,
        size: int | tuple[int, int] | None = None,
        image_shape: tuple[int, ...] | None = None,
        pixel_range: str | tuple[float, float] = "auto",
        allow_stacking: bool = False,
        device: str = "auto",
        jobs: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.remedy = remedy
        self.preset = preset
        self.model = model
        self.recipe = recipe
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch = batch
        self.set = set
        self.members = members
        self.size = size
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.allow_stacking = allow_stacking
        self.device = device
        self.jobs = jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> EvenhandClassifier:  # noqa: N803 - scikit-learn's name
        """Train on all of the images, and return the estimator.

        Parameters
        ----------
        X : (n, h, w, C) array, or sequence of n paths
            Images of the shapes and ranges that `evenhand.load` takes, an (n, features) table, or image files.
        y : (n,) array
            Labels of at least two classes: names or numbers.

        Raises
        ------
        UsageError
            When a parameter cannot be meant.
        DataError, ValueError
            When the images or labels are none.
        """
        asked = self._asked()
        images = self._checked(X, reset=True)
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        if len(labels) != len(images):
            raise ImagesError(f"X has {len(images)} images and y has {len(labels)} labels. Each image needs one.")
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ImagesError(f"y has one class only, {self.classes_[0]!r}; telling classes apart needs at least two.")
        self.pixel_range_ = self._range(images)
        self.size_ = size_of(self.size)
        pixels = self._pixels(images)
        self.size_ = (int(pixels.shape[1]), int(pixels.shape[2]))
        names = tuple(map(str, self.classes_.tolist()))
        self.model_ = fit_model(asked, pixels, numbers.astype(np.int64), names)
        return self

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the (n, K) float32 probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : (n, h, w, C) array, or sequence of n paths
            As for `fit`; images of another size are brought to `size_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError, ValueError
            When the images are none.
        """
        check_is_fitted(self)
        pixels = self._pixels(self._checked(X, reset=False))
        with one_thread():
            return self.model_.probabilities(pixels)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the (n,) most probable label of each image. Takes and raises as `predict_proba`."""
        check_is_fitted(self)
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks: images come as arrays of any number of axes, or as paths."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def _asked(self) -> Fit:
        """Return how to train, checked before any image is read."""
        direct = {"epochs": self.epochs, "learning_rate": self.learning_rate, "batch": self.batch}
        said = {name: value for name, value in direct.items() if value is not None}
        twice = sorted(said.keys() & dict(self.set or {}).keys())
        if twice:
            raise UsageError(f"{twice[0]} is said twice, by itself and in set. Keep one of them.")
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        return Fit(
            remedy=self.remedy,
            preset=self.preset,
            model=self.model,
            recipe=self.recipe,
            changes=changes_of({**dict(self.set or {}), **said}),
            allow_stacking=self.allow_stacking,
            members=self.members,
            seed=int(seed),
            device=self.device,
        )

    def _checked(self, X: Any, *, reset: bool) -> Any:  # noqa: N803
        """Return a list of paths as it is, and everything else as an array of finite numbers."""
        if are_paths(X):
            if isinstance(X, str):
                raise ImagesError(f"X is the text {X!r}; it takes a sequence of paths.")
            return list(X)
        axes = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
        if axes <= 2:
            return validate_data(self, X, reset=reset, dtype="numeric")
        # Images have no features to count: those of another size are brought to that of the training.
        if reset and hasattr(self, "n_features_in_"):
            del self.n_features_in_
        return check_array(X, dtype="numeric", ensure_2d=False, allow_nd=True)

    def _range(self, images: Any) -> tuple[float, float]:
        """Return the numbers that stand for black and white."""
        if isinstance(images, list):
            return (0.0, 255.0)
        asked = self.pixel_range
        if isinstance(asked, str):
            if asked not in ("auto", FITTED):
                raise UsageError(f'pixel_range is "auto", "{FITTED}" or (black, white), not {asked!r}.')
            try:
                found = black_and_white(images, CALLED) if asked == "auto" else (images.min(), images.max())
            except DataError as error:
                raise ImagesError(f'{error} Or say pixel_range="{FITTED}" or (black, white).') from error
        else:
            found = asked
        black, white = (float(end) for end in found)
        # Where all numbers are the same there is nothing to see, and nothing to divide by.
        return (black, white) if white > black else (black, black + 1.0)

    def _pixels(self, images: Any) -> Pixels:
        """Return the pixels that the networks see."""
        if isinstance(images, list):
            return read_pixels(images, self.size_, jobs=self.jobs)
        if images.ndim == 2:
            images = self._pictures(images)
        pixels = to_pixels(images, scale=self.pixel_range_)
        size = self.size_ or tuple(max(side, SMALLEST_SIDE) for side in pixels.shape[1:3])
        return pixels if pixels.shape[1:3] == size else to_pixels(pixels, size)

    def _pictures(self, table: NDArray[Any]) -> NDArray[Any]:
        """Return the images whose numbers are the rows of a table."""
        features = table.shape[1]
        if self.image_shape is None:
            square = any(planes * int((features // planes) ** 0.5) ** 2 == features for planes in (1, 3, 4))
            return table if square else table[:, None, :]
        if int(np.prod(self.image_shape)) != features:
            raise ImagesError(
                f"X has {features} features, and image_shape {tuple(self.image_shape)} needs "
                f"{int(np.prod(self.image_shape))}."
            )
        return table.reshape(len(table), *self.image_shape)
