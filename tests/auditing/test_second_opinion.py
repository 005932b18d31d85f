import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.auditing.second_opinion import heard_together, neighbour_votes


def circle(angles: object) -> np.ndarray:
    turned = np.asarray(angles, dtype=np.float64)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float16)


def test_the_nearest_others_vote_and_the_image_itself_does_not() -> None:
    belief = np.eye(2)[[0, 1, 1, 0, 0]]
    features = circle([0.0, 0.1, 0.2, 2.0, 2.1])
    votes = neighbour_votes(belief, [(np.arange(5), features)], neighbours=2)
    # By hand: image 0 has the neighbours 1 and 2, both of class 1; the whole set adds one vote of (3/5, 2/5).
    np.testing.assert_allclose(votes[0], [0.6 / 3, 2.4 / 3])
    np.testing.assert_allclose(votes[1], [(1 + 0.6) / 3, (1 + 0.4) / 3])
    np.testing.assert_allclose(votes[3], [(1 + 0.6) / 3, (1 + 0.4) / 3])


def test_networks_are_averaged_and_an_image_nobody_predicted_has_the_proportions_of_the_set() -> None:
    belief = np.eye(2)[[0, 1, 1, 0]]
    one = (np.array([0, 1]), circle([0, 1]))
    two = (np.array([0, 2]), circle([0, 1]))
    votes = neighbour_votes(belief, [one, two], neighbours=5)
    np.testing.assert_allclose(votes[0], [0.25, 0.75])
    np.testing.assert_allclose(votes[1], [0.75, 0.25])
    np.testing.assert_allclose(votes[3], [0.5, 0.5])


def test_a_network_that_predicted_one_image_has_nothing_to_say() -> None:
    belief = np.array([[1.0, 0.0], [0.0, 1.0]])
    votes = neighbour_votes(belief, [(np.array([0]), circle([0]))])
    np.testing.assert_allclose(votes, 0.5)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 10_000))
def test_votes_are_proportions_and_do_not_depend_on_the_order(n: int, neighbours: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    belief = generator.dirichlet(np.ones(3), n)
    features = generator.standard_normal((n, 4)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    order = generator.permutation(n)
    votes = neighbour_votes(belief, [(np.arange(n), features)], neighbours=neighbours)
    np.testing.assert_allclose(votes.sum(axis=1), 1)
    again = neighbour_votes(belief, [(order, features[order])], neighbours=neighbours)
    np.testing.assert_allclose(votes, again)


def test_blocks_larger_than_a_chunk_are_whole() -> None:
    n = 2500
    belief = np.eye(2)[np.arange(n) % 2]
    features = circle(np.arange(n) % 2 * 1.5)
    votes = neighbour_votes(belief, [(np.arange(n), features)])
    assert (votes.argmax(axis=1) == np.arange(n) % 2).all()


def test_votes_count_by_how_far_they_are_from_the_proportions_of_the_set() -> None:
    logits = np.array([[2.0, 0.0]], dtype=np.float32)
    neutral = heard_together(logits, 2.0, np.array([[0.9, 0.1]]), np.array([0.9, 0.1]))
    np.testing.assert_allclose(neutral, [[1, 0]], atol=1e-6)
    swayed = heard_together(logits, 1.0, np.array([[0.45, 0.55]]), np.array([0.9, 0.1]))
    np.testing.assert_allclose(swayed, [[2 + np.log(0.5), np.log(5.5)]], atol=1e-6)
