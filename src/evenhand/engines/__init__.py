"""Where trials run. Engines know nothing of machine learning."""
