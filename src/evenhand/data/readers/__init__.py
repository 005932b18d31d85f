"""Readers of labelled images: each turns one kind of DATA into entries and findings."""
