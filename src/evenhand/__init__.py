"""Train image classifiers that treat every class fairly, from small, lopsided, partly mislabelled data."""

__version__ = "0.1.0"
