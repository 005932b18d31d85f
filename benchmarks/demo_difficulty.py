"""How hard the demo set's pictures are: the reference CNN on clean balanced data must stay under 97 %.

python benchmarks/demo_difficulty.py [--train 2000] [--test 1000] [--epochs 10] [--seeds 1] [--kinds]

With --kinds it is the ten classes of the long-tailed set, in equal numbers.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from evenhand.data.demo import clean_kinds, clean_set
from evenhand.evaluation.metrics import evaluate
from evenhand.remedies.plan import Plan
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.predict import predict, softmax
from evenhand.training.recipe import recipe
from hardware import describe

CLASSES = ("Cars", "Cats", "Trucks")
TARGET = 0.97


def main() -> None:
    """Train and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--train", type=int, default=2000, help="training pictures a class")
    words.add_argument("--test", type=int, default=1000, help="test pictures a class")
    words.add_argument("--epochs", type=int, default=10)
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--kinds", action="store_true", help="the classes of the long-tailed set")
    settings = words.parse_args()
    torch.set_num_threads(1)
    if settings.kinds:
        (pixels, labels, classes), (unseen, truth, _) = (
            clean_kinds(settings.train, seed=1),
            clean_kinds(settings.test, seed=2),
        )
    else:
        (pixels, labels), (unseen, truth) = clean_set(settings.train, seed=1), clean_set(settings.test, seed=2)
        classes = CLASSES
    training = TrainingSet(pixels, labels, np.arange(len(labels), dtype=np.int64))
    print(
        f"Reference CNN, {len(classes)} classes, {settings.train} clean pictures a class, tested on {settings.test} a "
        f"class. {describe()}"
    )
    for name in ("reference", "standard"):
        how = recipe(name, "simple", precision="float32", epochs=settings.epochs)
        for seed in range(settings.seeds):
            network = fit(training, Plan(), how, n_classes=len(classes), seed=seed).network
            figure = evaluate(truth, softmax(predict(network, unseen, how)), classes).balanced_accuracy
            print(
                f"recipe {name}, {settings.epochs} epochs, seed {seed}: balanced accuracy {figure.value:.3f} "
                f"({figure.low:.3f} to {figure.high:.3f}), n={len(truth)}, target under {TARGET}: "
                f"{'met' if figure.value < TARGET else 'MISSED'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
