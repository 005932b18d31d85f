from __future__ import annotations

import numpy as np
import pytest

from evenhand.remedies.margins import balanced_softmax, balpoe, ldam_drw, logit_adjust
from evenhand.remedies.plan import Head, Loss

STUDY = np.array([4949.0, 449.0, 227.0])
LOG_SHARES = [-0.128035, -2.527953, -3.210026]


def test_balanced_softmax_adds_the_log_shares_while_training():
    plan = balanced_softmax(STUDY, tau=1.0)
    assert plan.loss is not None
    assert plan.post is None
    assert plan.loss.logit_offsets == pytest.approx(LOG_SHARES, abs=1e-6)


def test_logit_adjustment_subtracts_them_afterwards():
    plan = logit_adjust(STUDY, tau=1.0)
    assert plan.post is not None
    assert plan.loss is None
    assert plan.post.logit_offsets == pytest.approx([-share for share in LOG_SHARES], abs=1e-6)


def test_tau_is_the_strength():
    loss, post = balanced_softmax(STUDY, tau=0.5).loss, logit_adjust(STUDY, tau=2.0).post
    assert loss is not None
    assert post is not None
    assert loss.logit_offsets == pytest.approx([share / 2 for share in LOG_SHARES], abs=1e-6)
    assert post.logit_offsets == pytest.approx([-2 * share for share in LOG_SHARES], abs=1e-6)


def test_adjusting_turns_the_skewed_posterior_into_the_balanced_one():
    # Bayes: p(y | x) goes with p(x | y) pi_y, so logits of the posterior adjusted by tau = 1 give p(x | y).
    likelihood = np.array([0.2, 0.5, 0.3])
    posterior = likelihood * STUDY / (likelihood * STUDY).sum()
    post = logit_adjust(STUDY, tau=1.0).post
    assert post is not None
    adjusted = np.exp(np.log(posterior) + np.asarray(post.logit_offsets))
    assert adjusted / adjusted.sum() == pytest.approx(likelihood)


def test_a_missing_class_counts_as_one_image():
    loss = balanced_softmax(np.array([6.0, 0.0, 3.0]), tau=1.0).loss
    assert loss is not None
    assert loss.logit_offsets == pytest.approx(np.log([0.6, 0.1, 0.3]))


def test_ldam_margins_by_hand():
    # Counts 16 and 1: n^(-1/4) is 1/2 and 1, so the margins are .25 and .5 of a cosine, 30 times that in the logits.
    plan = ldam_drw(np.array([16.0, 1.0]), largest=0.5, scale=30.0, start=0.8, beta=0.5)
    assert plan.loss == Loss(margins=(7.5, 15.0))
    assert plan.head == Head("cosine", 30.0)
    assert plan.stages is not None
    # Effective numbers for beta = 1/2: 2 (1 - 2^-16) and 1; weights go with their inverse and have mean 1 over 17.
    weights = np.array([0.5 / (1 - 2.0**-16), 1.0])
    weights *= 17 / (16 * weights[0] + weights[1])
    assert plan.stages[0].class_weights == pytest.approx(tuple(weights))
    assert plan.stages[0].start == 0.8


def test_the_experts_lean_to_common_classes_to_rare_ones_and_to_neither():
    head = balpoe(STUDY, spread=1.0).head
    assert head is not None
    assert head.kind == "experts"
    for tau, row in zip((0, 1, 2), head.logit_offsets, strict=True):
        assert row == pytest.approx([tau * share for share in LOG_SHARES], abs=1e-6)
    assert np.mean(head.logit_offsets, axis=0) == pytest.approx(LOG_SHARES, abs=1e-6)
    close = balpoe(STUDY, spread=0.25).head
    assert close is not None
    assert close.logit_offsets[0] == pytest.approx([0.75 * share for share in LOG_SHARES], abs=1e-6)
