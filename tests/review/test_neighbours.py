import numpy as np

from evenhand.review.neighbours import Neighbours


def test_the_most_alike_are_found_among_the_allowed_ones() -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (50, 20, 13, 3), dtype=np.uint8)
    pixels[7] = pixels[3]
    pixels[9] = np.clip(pixels[3].astype(int) + 3, 0, 255)
    found = Neighbours(pixels, np.full((50, 2), np.nan, dtype=np.float32))
    assert found.ready(10)
    allowed = np.ones(50, dtype=bool)
    assert found.nearest(3, allowed, 2).tolist() == [7, 9]
    allowed[7] = False
    assert found.nearest(3, allowed, 1).tolist() == [9]
    assert len(found.nearest(3, allowed, 500)) == 48
    assert found.nearest(3, np.zeros(50, dtype=bool), 5).tolist() == []


def test_what_networks_think_counts_too() -> None:
    pixels = np.zeros((4, 4, 4, 3), dtype=np.uint8)
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.8, 0.2], [0.2, 0.8]], dtype=np.float32)
    found = Neighbours(pixels, probabilities)
    assert found.ready(10)
    assert found.nearest(0, np.ones(4, dtype=bool), 3).tolist() == [2, 3, 1]
