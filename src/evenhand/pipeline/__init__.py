"""The order of the work of each command: from what was asked to what is left on disk."""
