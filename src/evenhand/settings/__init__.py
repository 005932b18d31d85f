"""What a command was asked to do, and what a preset fills in."""
