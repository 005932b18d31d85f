"""Every statistic explained in a sentence, once, where the page meets it first."""

from __future__ import annotations

from markupsafe import Markup

TERMS = {
    "95 % interval": (
        "If the same work were done again on other images of the same kind, about 19 of 20 such intervals would hold "
        "the true value."
    ),
    "balanced accuracy": (
        "The mean of the recalls of all classes, so that a rare class counts as much as a common one; naming the "
        "common class every time earns no more than guessing."
    ),
    "expected balanced accuracy": (
        "What the balanced accuracy would be against the true labels, as far as the check of the labels knows them: an "
        "image counts for each class with the probability that it shows it. On the given labels, a candidate that "
        "repeats their errors would win."
    ),
    "accuracy": "The share of all images that are named rightly; the common classes dominate it.",
    "recall": "Of the images with this label, the share that the model finds.",
    "precision": "Of the images that the model calls by this name, the share that carry this label.",
    "macro F1": (
        "F1 is the harmonic mean of a class's precision and recall, low when either is; macro F1 is its plain mean "
        "over the classes."
    ),
    "weighted average": "The mean over the classes, each counted by its number of images; the macro average counts "
    "each class once.",
    "log-loss": (
        "The mean of the negative logarithm of the probability that the model gave to the label: 0 is perfect, and "
        "being sure and wrong costs most."
    ),
    "calibration error": (
        "How far the model's confidence lies from its hit rate, on average over 15 bins: a model that says 90 % should "
        "be right 9 times in 10."
    ),
    "suspicion": (
        "The estimated probability that the label is wrong, given how networks that never saw the image classify it "
        "and how often labels of these two classes are mixed up."
    ),
    "estimated": (
        "How many training labels are wrong in all, by how labels and the networks' predictions disagree as a whole; "
        "nobody can say of each single one which it is."
    ),
    "found": (
        "The images whose own label is more likely wrong than right, so that each can be named, looked at and repaired."
    ),
    "settled": (
        "The images on which a person has decided. Their labels are certain: no repair touches them, and they are no "
        "suspects any more."
    ),
    "out of fold": (
        "Each image is predicted by networks that were trained without it, so that nothing learned by heart counts."
    ),
    "stratified fold": (
        "The training images are dealt into parts that hold every class in the same proportion; each part is held out "
        "once while the others are trained on."
    ),
    "learning curve": (
        "How the figure grows with the number of images that are trained on, measured on parts of them and carried on "
        "by a power law, which most networks follow; how fast it levels off is itself uncertain, and the interval "
        "says so."
    ),
    "tie": (
        "Two candidates are tied when chance explains their difference: the interval of their own paired differences "
        "holds zero, or they lie no further apart than the best and the worst of as many equal candidates do in 19 of "
        "20 comparisons. The best was picked for looking best, so the second matters."
    ),
    "paired difference": (
        "Two candidates are trained on the same folds with the same seeds, and their figures subtracted. The interval "
        "(Nadeau and Bengio) allows for folds that share images; p is the chance of such a difference between equals, "
        "Holm's p allows for asking it of every row. Ties are decided otherwise, as said there."
    ),
    "critical difference": (
        "The least difference that counts among so many candidates (Tukey's studentised range at 5 %, corrected for "
        "folds that share images)."
    ),
    "adversarial image": (
        "An image with noise that was computed to mislead this model; people hardly see it, or see that it changes "
        "nothing."
    ),
    "accuracy left": (
        "The share of all attacked images that the model is right about both untouched and under the attack."
    ),
    "clean error": "The share of the images of a class that the model gets wrong untouched.",
    "fragility": "Of the images of a class that the model is right about, the share that the attack succeeds on.",
    "attraction": "Of the attacks on images of other classes, the share that end in this class.",
    "learning rate": (
        "How far a step moves the numbers of the network along the slope of its loss. Steps that are too short get "
        "nowhere in the time there is; steps that are too long jump over the minimum and land higher than they were."
    ),
    "verdict on a rate": (
        "Too small: the loss does not move beyond its noise. Slow: it falls, but less than half of its way is done, or "
        "it gets no lower than naming every class by its frequency. Converges: it falls and settles. Unstable: it "
        "loses more than half of what it had won, for a while. Diverges: it ends above its start, as no number, or "
        "with all it had won lost."
    ),
    "noise of the loss": (
        "How much the loss of a step differs from its neighbours' because another few images are in it; a movement "
        "counts when noise would show one as large in less than one of a thousand trainings."
    ),
    "loss": "What training makes small: the average penalty for the images of a step or an epoch.",
    "expected count": (
        "How many images of each class one epoch shows to the network, synthetic and repeated ones included."
    ),
}


class Glossary:
    """Explains each term the first time it is asked for, and is silent afterwards."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def explain(self, *terms: str) -> Markup:
        """Return the explanations of those terms that have not been explained yet, as one paragraph."""
        fresh = [term for term in terms if term not in self._told]
        self._told.update(fresh)
        if not fresh:
            return Markup("")
        words = Markup("").join(
            Markup("<span><dfn>{}</dfn>: {}</span>").format(term[0].upper() + term[1:], TERMS[term]) for term in fresh
        )
        return Markup('<p class="term">{}</p>').format(words)
