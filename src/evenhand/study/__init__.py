"""Sets of trials and what can be concluded from them."""
