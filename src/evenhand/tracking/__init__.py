"""Finished trials for programs that people follow trainings with: TensorBoard and MLflow."""
