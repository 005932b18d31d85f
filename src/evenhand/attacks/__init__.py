"""How a model breaks: adversarial examples, common corruptions, and whether rare classes are more fragile."""
