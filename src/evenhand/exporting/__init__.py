"""What leaves the product: the model as one ONNX file that provably says the same, and the card that goes with it."""
