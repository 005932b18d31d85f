"""Ways to deal with imbalance, each a function to a plan."""
