from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.errors import EvenhandError
from evenhand.evaluation.metrics import evaluate
from evenhand.study.final import train_final
from evenhand.study.trial import Targets


def final(study: Any, bench: Any, remedy: str = "none", **changes: Any) -> Any:
    targets = changes.pop("targets", Targets(np.ones(study.n, dtype=bool), study.labels))
    recipe = replace(study.recipe, **changes)
    return train_final(bench, remedy, recipe, targets, members=2, size=(16, 16), title="final")


def test_members_are_trained_once_and_differ(study: Any) -> None:
    bench = study.bench()
    model = final(study, bench)
    assert len(model.members) == 2
    one, other = (member.state_dict()["fc3.bias"] for member in model.members)
    assert not (one == other).all()
    assert len(bench.engine.given) == 2
    again = study.bench()
    np.testing.assert_array_equal(final(study, again).probabilities(study.pixels), model.probabilities(study.pixels))
    assert again.engine.given == []
    place = next((bench.run.path / "cache/members").iterdir())
    place.unlink()
    third = study.bench()
    np.testing.assert_array_equal(final(study, third).probabilities(study.pixels), model.probabilities(study.pixels))
    assert len(third.engine.given) == 1


def test_what_the_remedy_adds_to_logits_comes_from_the_labels_trained_on(study: Any) -> None:
    keep = np.arange(study.n) % 5 > 0
    model = final(study, study.bench(), "logit-adjust", targets=Targets(keep, study.labels))
    counts = np.bincount(study.labels[keep])
    np.testing.assert_allclose(model.logit_offsets, -np.log(counts / counts.sum()), rtol=1e-6)
    assert final(study, study.bench(), "sampler").logit_offsets is None


def test_mirror_images_are_averaged_where_they_were_trained_on(study: Any) -> None:
    mirrored = replace(study.recipe.augmentation, flip_horizontal=True)
    assert final(study, study.bench(), augmentation=mirrored).flips
    assert not final(study, study.bench("other")).flips


def test_a_final_model_that_diverged_says_so_and_what_to_do(study: Any) -> None:
    model = final(study, study.bench(), learning_rate=1e6, schedule="constant")
    with pytest.raises(EvenhandError, match="smaller learning rate"):
        evaluate(study.labels, model.probabilities(study.pixels), study.classes)
