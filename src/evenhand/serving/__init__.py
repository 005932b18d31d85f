"""A model behind an address: pictures go in, classes and probabilities come out. It needs onnxruntime, not torch."""
