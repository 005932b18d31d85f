import sys
from unittest import mock

import numpy as np
import pytest

from evenhand.auditing.detectors import DETECTORS, OWN, check_detector, detected
from evenhand.auditing.labels import FLAG, estimate
from evenhand.errors import UsageError


def task(n_classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, given and true labels: 20 images of class 1 are called 0."""
    true = np.repeat([0, 1, 2], [200, 60, 40])
    given = true.copy()
    given[200:220] = 0
    logits = np.random.default_rng(0).normal(0, 1, (len(true), n_classes))
    logits[np.arange(len(true)), true] += 5
    return logits.astype(np.float32), given, true


@pytest.mark.parametrize("name", [name for name in DETECTORS if name != OWN])
def test_cleanlabs_detectors_find_what_they_find(name: str) -> None:
    from cleanlab.filter import find_label_issues

    logits, given, true = task()
    model = detected(name, estimate(logits, given, 3), logits, given)
    certain = np.exp(logits.astype(np.float64))
    certain /= certain.sum(axis=1, keepdims=True)
    theirs = find_label_issues(given, certain, filter_by=name.removeprefix("cleanlab:"), n_jobs=1)
    suspicion = model.suspicion(given)
    np.testing.assert_array_equal(suspicion > FLAG, theirs)
    assert theirs[given != true].mean() > 0.6
    np.testing.assert_allclose(model.posterior.sum(axis=1), 1)
    # Among those flagged, the less the network believes the given label the more suspicious it is.
    mine = np.flatnonzero(theirs)
    order = mine[np.argsort(certain[mine, given[mine]])]
    assert (np.diff(suspicion[order]) <= 1e-12).all()
    caught = theirs & (given != true)
    assert (model.posterior.argmax(axis=1)[caught] == true[caught]).all()


def test_our_own_stays_as_it_is() -> None:
    logits, given, _ = task()
    model = estimate(logits, given, 3)
    assert detected(OWN, model, logits, given) is model


def test_how_many_are_wrong_stays_our_estimate() -> None:
    logits, given, _ = task()
    model = estimate(logits, given, 3)
    other = detected("cleanlab:both", model, logits, given)
    assert other.wrong == model.wrong
    np.testing.assert_array_equal(other.joint, model.joint)


def test_a_class_without_images_and_one_too_small_to_judge_are_left_alone() -> None:
    logits, given, _ = task(4)
    given = given.copy()
    given[-35:] = 0
    model = detected("cleanlab:low_self_confidence", estimate(logits, given, 4), logits, given)
    assert model.too_few[[2, 3]].all()
    assert model.suspicion(given)[given == 2].max() == 0


def test_a_wrong_name_and_a_missing_library_are_said() -> None:
    check_detector(OWN)
    check_detector("cleanlab:both")
    with pytest.raises(UsageError, match="cleanlab:both"):
        check_detector("cleanlab:bth")
    with mock.patch.dict(sys.modules, {"cleanlab": None}), pytest.raises(UsageError, match=r"evenhand\[cleanlab\]"):
        check_detector("cleanlab:both")
