import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch import nn

from evenhand.remedies.catalogue import REMEDIES, plan_for
from evenhand.remedies.plan import Refit, Synthesis
from evenhand.remedies.sampling import by_power
from evenhand.training.refit import Layer, normalised, refit, smoothed

LABELS = np.repeat([0, 1], [400, 40])
TWO_STAGE = [name for name, remedy in REMEDIES.items() if "refit" in remedy.layers]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def features(seed: int = 0) -> np.ndarray:
    """Two overlapping clouds, the second rarer: (1, n, 3)."""
    drawn = np.random.default_rng(seed).normal(size=(440, 3)) * [1.0, 5.0, 0.2] + [0.0, 40.0, 0.0]
    drawn[:, 0] += 2 * LABELS
    return drawn[None].astype(np.float32)


def layer(classes: int = 2, width: int = 3) -> Layer:
    drawn = np.random.default_rng(1)
    return Layer(drawn.normal(size=(classes, width)).astype(np.float32), drawn.normal(size=classes).astype(np.float32))


def found(
    asked: Refit, views: np.ndarray, labels: np.ndarray = LABELS, seed: int = 0, old: Layer | None = None
) -> Layer:
    old = old or layer()
    return refit(asked, views, labels, np.arange(len(labels)), old, n_classes=2, seed=seed).layer


def balanced(method: str, epochs: int = 40) -> Refit:
    return Refit(method, draw=by_power(np.array([400.0, 40.0]), 0.0), epochs=epochs)  # type: ignore[arg-type]


def test_a_layer_trained_anew_on_balanced_draws_is_balanced_logistic_regression() -> None:
    views = features()
    made = found(balanced("retrain"), views)
    theirs = LogisticRegression(class_weight="balanced", C=100).fit(views[0], LABELS)
    margin = made.logits(views) @ [-1, 1]
    expected = theirs.decision_function(views[0])
    assert np.corrcoef(margin, expected)[0, 1] > 0.995
    assert ((margin > 0) == (expected > 0)).mean() > 0.96


def test_scaling_learns_one_factor_a_class() -> None:
    views, old = features(), layer()
    made = found(balanced("scale"), views, old=old)
    factor = made.weight / old.weight
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1], factor.shape), rtol=1e-4)
    np.testing.assert_allclose(made.bias, factor[:, 0] * old.bias, rtol=1e-4)
    assert not np.allclose(factor, 1, atol=0.01)

    def loss(candidate: Layer) -> float:
        logits = torch.from_numpy(candidate.logits(views))
        each = nn.functional.cross_entropy(logits, torch.from_numpy(LABELS), reduction="none")
        return float((each[:400].mean() + each[400:].mean()) / 2)

    assert loss(made) < loss(old)


def test_what_is_trained_on_begins_where_the_first_training_ended() -> None:
    old = layer()
    made = found(balanced("both", epochs=0), features(), old=old)
    np.testing.assert_allclose(made.weight, old.weight, rtol=1e-6)
    np.testing.assert_allclose(made.bias, old.bias, rtol=1e-6)


def test_normalising_by_hand() -> None:
    old = Layer(np.array([[3.0, 4.0], [0.6, 0.8]], dtype=np.float32), np.array([1.0, 2.0], dtype=np.float32))
    half = normalised(old, 0.5)
    np.testing.assert_allclose(half.weight, [[3 / 5**0.5, 4 / 5**0.5], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(normalised(old, 1.0).weight, [[0.6, 0.8], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_array_equal(normalised(old, 0.0).weight, old.weight)
    assert half.bias.tolist() == [0, 0]
    assert np.isfinite(normalised(Layer(np.zeros((2, 2), np.float32), old.bias), 2.0).weight).all()


def test_smoothing_by_hand() -> None:
    rows = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    made = smoothed(rows, (0.4, 0.2, 0.0))
    np.testing.assert_allclose(made, [[0.6, 0.2, 0.2], [0, 0, 1], [0.35, 0.5, 0.15]])


def test_logits_are_averaged_over_the_views() -> None:
    views = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    made = layer()
    expected = (views[0] @ made.weight.T + views[1] @ made.weight.T) / 2 + made.bias
    np.testing.assert_allclose(made.logits(views), expected, rtol=1e-5)


def test_a_layer_goes_into_a_network_and_comes_out_again() -> None:
    place, made = nn.Linear(3, 2), layer()
    made.write(place)
    again = Layer.of(place)
    np.testing.assert_array_equal(again.weight, made.weight)
    np.testing.assert_array_equal(again.bias, made.bias)
    with pytest.raises(TypeError, match="linear last layer"):
        Layer.of(nn.ReLU())


def test_the_same_arguments_make_the_same_layer_whatever_the_global_state() -> None:
    views = features()
    torch.manual_seed(1)
    one = refit(balanced("retrain", 2), views, LABELS, np.arange(440), layer(), n_classes=2, seed=3)
    torch.manual_seed(2)
    same = refit(balanced("retrain", 2), views, LABELS, np.arange(440), layer(), n_classes=2, seed=3)
    other = refit(balanced("retrain", 2), views, LABELS, np.arange(440), layer(), n_classes=2, seed=4)
    assert one.layer.weight.tobytes() == same.layer.weight.tobytes()
    assert one.step_loss == same.step_loss
    assert one.layer.weight.tobytes() != other.layer.weight.tobytes()
    assert len(one.epoch_loss) == 2
    assert len(one.step_loss) == 2 * 7


def test_both_views_are_drawn() -> None:
    far = np.concatenate([features(), features() + 1000])
    made = refit(balanced("retrain", 3), far, LABELS, np.arange(440), layer(), n_classes=2, seed=0)
    near = refit(balanced("retrain", 3), far[:1], LABELS, np.arange(440), layer(), n_classes=2, seed=0)
    assert not np.allclose(made.layer.weight, near.layer.weight, rtol=0.01)


def test_added_features_count_as_images() -> None:
    views = features()
    filled = Refit("retrain", synthesis=Synthesis("smote", (0, 360), (("neighbours", 5.0),)), epochs=20)
    plain = Refit("retrain", epochs=20)
    recall = {
        name: (found(asked, views).logits(views).argmax(axis=1)[400:] == 1).mean()
        for name, asked in (("filled", filled), ("plain", plain))
    }
    assert recall["filled"] > recall["plain"] + 0.2
    steps = refit(filled, views, LABELS, np.arange(440), layer(), n_classes=2, seed=0).step_loss
    assert len(steps) == 20 * 13  # 800 features an epoch, 64 a batch


def test_a_trunk_that_diverged_is_left_as_it_is() -> None:
    views = np.full((1, 440, 3), np.nan, dtype=np.float32)
    old = layer()
    made = refit(balanced("retrain"), views, LABELS, np.arange(440), old, n_classes=2, seed=0)
    assert made.layer is old
    assert made.step_loss == ()


@settings(max_examples=25)
@given(
    st.sampled_from(TWO_STAGE),
    st.lists(st.integers(0, 2), min_size=2, max_size=9),
    st.booleans(),
    st.integers(1, 2),
)
def test_any_tiny_set_gets_a_layer(name: str, labels: list[int], soft: bool, n_views: int) -> None:
    hard = np.array(labels)
    targets = np.eye(3, dtype=np.float32)[hard] * 0.7 + np.float32(0.1) if soft else hard
    asked = plan_for(name if name == "tau-norm" else f"{name}:epochs=2", targets, 3).refit
    assert asked is not None
    views = np.random.default_rng(0).normal(size=(n_views, len(hard), 4)).astype(np.float32)
    made = refit(asked, views, targets, np.arange(len(hard)), layer(3, 4), n_classes=3, seed=0).layer
    assert made.weight.shape == (3, 4)
    assert np.isfinite(made.weight).all()
    assert np.isfinite(made.bias).all()
