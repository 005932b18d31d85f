"""The one loop, its recipe, and the files of a trained model."""
