"""Asking a model about pictures without labels, however many there are."""
