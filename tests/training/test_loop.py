from dataclasses import replace

import numpy as np
import pytest
import torch

from evenhand.data.batches import Augmentation
from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.plan import Draw, Head, Mixing, Plan, Stage
from evenhand.training.loop import TrainingSet, fit, inner_slice
from evenhand.training.predict import predict, softmax
from evenhand.training.recipe import Recipe

RECIPE = Recipe(model="simple", batch=8, epochs=2, precision="float32", learning_rate=0.01, schedule="constant")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def data(n: int = 48, size: int = 16, seed: int = 0) -> TrainingSet:
    """Dark and bright images with a little noise: easy to tell apart; one class is rarer."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(n) % 4 == 0).astype(np.int64)
    pixels = np.where(labels, 200, 60)[:, None, None, None] + generator.integers(-40, 40, (n, size, size, 3))
    return TrainingSet(pixels.astype(np.uint8), labels, np.arange(n, dtype=np.int64))


def weights(fitted: object) -> list[bytes]:
    return [value.numpy().tobytes() for value in fitted.network.state_dict().values()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", ["simple", "resnet"])
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_learns_an_easy_task(model: str, optimiser: str) -> None:
    rate = 0.002 if optimiser == "adamw" else 0.02
    recipe = replace(RECIPE, model=model, width=4, optimiser=optimiser, learning_rate=rate, epochs=12)
    fitted = fit(data(), Plan(), recipe, n_classes=2, seed=0)
    fresh = data(seed=9)
    assert (predict(fitted.network, fresh.pixels, recipe).argmax(axis=1) == fresh.targets).mean() > 0.95
    assert fitted.curve.epoch_loss[-1] < fitted.curve.epoch_loss[0]


def test_same_arguments_same_bytes_whatever_the_global_random_state() -> None:
    recipe = replace(RECIPE, augmentation=Augmentation(crop=4, flip_horizontal=True, cutout=8))
    torch.manual_seed(1)
    first = fit(data(), Plan(), recipe, n_classes=2, seed=3)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = fit(data(), Plan(), recipe, n_classes=2, seed=3)
    assert weights(first) == weights(second)
    assert first.curve == second.curve
    assert torch.equal(before, torch.get_rng_state())
    assert weights(first) != weights(fit(data(), Plan(), recipe, n_classes=2, seed=4))


def test_the_curve_has_a_value_a_step_and_an_epoch() -> None:
    curve = fit(data(50), Plan(), RECIPE, n_classes=2, seed=0).curve
    assert len(curve.step_loss) == 2 * 7
    assert len(curve.epoch_loss) == 2
    assert curve.epoch_loss[1] == pytest.approx(np.mean(curve.step_loss[7:]))


def test_reference_recipe_step_by_step_against_plain_pytorch() -> None:
    """Three steps of the loop equal three steps written out with torch's own loss and optimiser, no dropout drawn."""
    recipe = replace(RECIPE, model="resnet", width=4, batch=16, epochs=1, momentum=0.9, channels_last=False)
    start = fit(data(), Plan(), replace(recipe, learning_rate=0.0), n_classes=2, seed=0).network
    fitted = fit(data(), Plan(), recipe, n_classes=2, seed=0)
    from evenhand.training.order import epoch_order

    examples = data()
    order = epoch_order(None, np.eye(2)[examples.targets], examples.identity, seed=0, epoch=0)
    network = start.train()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    for first in range(0, 48, 16):
        rows = order[first : first + 16]
        images = torch.from_numpy(examples.pixels[rows]).permute(0, 3, 1, 2).contiguous() / 255
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(images), torch.from_numpy(examples.targets[rows])).backward()
        optimiser.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(fitted.network.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_soft_labels_that_are_hard_train_the_same_network() -> None:
    examples = data()
    soft = TrainingSet(examples.pixels, np.eye(2, dtype=np.float32)[examples.targets], examples.identity)
    plan = plan_for("class-weights", examples.targets, 2)
    hard_fit, soft_fit = (fit(part, plan, RECIPE, n_classes=2, seed=0) for part in (examples, soft))
    for name, value in hard_fit.network.state_dict().items():
        torch.testing.assert_close(soft_fit.network.state_dict()[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("remedy", ["augment", "oversample", "undersample", "sampler", "smote", "augment+sampler"])
def test_remedies_that_add_or_draw_train(remedy: str) -> None:
    examples = data()
    plan = plan_for(remedy, examples.targets, 2)
    curve = fit(examples, plan, replace(RECIPE, epochs=1, equal_work=False), n_classes=2, seed=0).curve
    expected = {"augment": 96, "oversample": 72, "undersample": 24, "sampler": 48, "smote": 72, "augment+sampler": 96}
    assert len(curve.step_loss) == expected[remedy] // 8


@pytest.mark.parametrize("remedy", ["none", "augment", "oversample", "undersample", "smote"])
def test_equal_work_shows_every_remedy_as_many_images(remedy: str) -> None:
    examples = data()
    plan = plan_for(remedy, examples.targets, 2)
    curve = fit(examples, plan, replace(RECIPE, epochs=3), n_classes=2, seed=0).curve
    assert len(curve.step_loss) == 3 * 48 // 8
    assert len(curve.epoch_loss) == {"none": 3, "augment": 2, "oversample": 2, "undersample": 6, "smote": 2}[remedy]


def test_early_stopping_keeps_the_best_weights_and_stops() -> None:
    recipe = replace(RECIPE, epochs=60, early_stopping=2, learning_rate=0.05)
    examples = data(80)
    inner = inner_slice(examples, 2, seed=0)
    assert np.bincount(examples.targets[inner]).tolist() == [6, 2]
    part, held = examples.select(np.flatnonzero(~inner)), examples.select(np.flatnonzero(inner))
    fitted = fit(part, Plan(), recipe, n_classes=2, seed=0, validation=held)
    losses = fitted.curve.validation_loss
    assert len(losses) < 60
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    assert len(fitted.curve.epoch_loss) == len(losses)
    probabilities = softmax(predict(fitted.network, held.pixels, recipe))
    each = -np.log(probabilities[np.arange(8), held.targets])
    by_class = [each[held.targets == label].mean() for label in (0, 1)]
    assert np.mean(by_class) == pytest.approx(min(losses), rel=1e-4)


def test_divergence_is_a_finding_with_its_step() -> None:
    fitted = fit(data(), Plan(), replace(RECIPE, learning_rate=1e6, epochs=5), n_classes=2, seed=0)
    assert fitted.diverged_at is not None
    assert not np.isfinite(fitted.curve.step_loss[fitted.diverged_at])
    assert np.isfinite(fitted.curve.step_loss[: fitted.diverged_at]).all()


def test_ticks_once_an_epoch() -> None:
    told: list[int] = []
    fit(data(), Plan(), replace(RECIPE, epochs=3), n_classes=2, seed=0, tick=told.append)
    assert told == [1, 1, 1]


def test_predict_leaves_the_network_as_it_was_and_averages_mirrors() -> None:
    examples = data()
    network = fit(examples, Plan(), RECIPE, n_classes=2, seed=0).network.train()
    plain = predict(network, examples.pixels, RECIPE, batch=7)
    mirrored = predict(network, examples.pixels[:, :, ::-1], RECIPE, batch=48)
    both = predict(network, examples.pixels, RECIPE, flips=True)
    np.testing.assert_allclose(both, (plain + mirrored) / 2, rtol=1e-4, atol=1e-5)
    assert network.training
    np.testing.assert_allclose(softmax(np.array([[0, np.log(3)]], dtype=np.float32)), [[0.25, 0.75]], rtol=1e-6)


# What changes late, what is mixed, and what stands on top


def test_a_stage_begins_when_its_share_of_the_images_has_been_seen() -> None:
    """48 images a plain epoch, 2 epochs: a stage at .8 begins after 77 images; the second epoch is cut there."""
    late = Stage(0.8, draw=Draw("counts", (0.0, 12.0), 12))
    plain = fit(data(), Plan(), RECIPE, n_classes=2, seed=0).curve
    curve = fit(data(), Plan(stages=(late,)), RECIPE, n_classes=2, seed=0).curve
    # 6 steps, then 29 images in 4 steps, then 19 images in epochs of 12 and 7: 2 steps and 1.
    assert [len(curve.step_loss), len(curve.epoch_loss)] == [6 + 4 + 2 + 1, 4]
    assert curve.step_loss[:9] == plain.step_loss[:9]


def test_weights_that_come_late_change_nothing_before() -> None:
    late = Plan(stages=(Stage(0.5, class_weights=(0.5, 2.5)),))
    plain, weighted = (fit(data(), plan, RECIPE, n_classes=2, seed=0).curve.step_loss for plan in (Plan(), late))
    assert plain[:6] == weighted[:6]
    assert plain[6:] != weighted[6:]


def test_early_stopping_waits_for_the_last_stage() -> None:
    recipe = replace(RECIPE, epochs=10, early_stopping=1, learning_rate=0.0)
    plan = Plan(stages=(Stage(0.6, class_weights=(1.0, 1.0)),))
    fitted = fit(data(), plan, recipe, n_classes=2, seed=0, validation=data(16, seed=3))
    assert len(fitted.curve.epoch_loss) > 6
    assert len(fitted.curve.validation_loss) <= 3


def test_mixing_with_no_partner_at_all_is_plain_training_on_label_rows() -> None:
    recipe = replace(RECIPE, augmentation=Augmentation(crop=4, flip_horizontal=True))
    examples = data()
    soft = TrainingSet(examples.pixels, np.eye(2, dtype=np.float32)[examples.targets], examples.identity)
    for method in ("blend", "patch"):
        plan = Plan(mixing=Mixing(method, 1.0, chance=0.0))  # type: ignore[arg-type]
        mixed = fit(examples, plan, recipe, n_classes=2, seed=0)
        assert weights(mixed) == weights(fit(soft, Plan(), recipe, n_classes=2, seed=0))


@pytest.mark.parametrize("mixing", [Mixing("blend", 1.0), Mixing("patch", 1.0, 0.5, partners=(0.7, 2.0))])
def test_mixed_training_learns_and_is_a_function_of_its_arguments(mixing: Mixing) -> None:
    recipe = replace(RECIPE, learning_rate=0.02, epochs=12, augmentation=Augmentation(flip_horizontal=True))
    one, same = (fit(data(), Plan(mixing=mixing), recipe, n_classes=2, seed=0) for _ in range(2))
    assert weights(one) == weights(same)
    fresh = data(seed=9)
    assert (predict(one.network, fresh.pixels, recipe).argmax(axis=1) == fresh.targets).mean() > 0.9
    assert weights(one) != weights(fit(data(), Plan(), recipe, n_classes=2, seed=0))


def test_a_recipe_mixes_where_the_remedy_does_not() -> None:
    def trained(plan: Plan, mixup: float) -> list[bytes]:
        return weights(fit(data(), plan, replace(RECIPE, mixup=mixup), n_classes=2, seed=0))

    assert trained(Plan(), 0.5) == trained(Plan(mixing=Mixing("blend", 0.5)), 0.0)
    own = Plan(mixing=Mixing("patch", 1.0))
    assert trained(own, 0.5) == trained(own, 0.0)


@pytest.mark.parametrize("model", ["simple", "resnet"])
@pytest.mark.parametrize(
    "head", [Head("cosine", 16.0), Head("experts", logit_offsets=((0.0, 0.0), (-0.3, -1.4), (-0.6, -2.8)))]
)
def test_other_last_layers_learn(model: str, head: Head) -> None:
    recipe = replace(RECIPE, model=model, width=4, learning_rate=0.02, epochs=12)
    fitted = fit(data(), Plan(head=head), recipe, n_classes=2, seed=0)
    fresh = data(seed=9)
    logits = predict(fitted.network, fresh.pixels, recipe)
    assert logits.shape == (48, 2)
    assert (logits.argmax(axis=1) == fresh.targets).mean() > 0.9
