"""Manifests, readers, decoded pixels, batches, folds and the demo set."""
