"""Figures of a model, with their intervals."""
