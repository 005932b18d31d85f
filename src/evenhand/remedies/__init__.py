"""Ways to deal with imbalance, each a function from class counts to a plan.

`catalogue` has the remedies by name and reads texts like ``smote+augment``; `plan` has the values the training loop
carries out; `synthesis` makes the images a plan adds; `contract` checks a new remedy.
"""
