"""The values that travel between rooms and end up on disk. Standard library and numpy only."""
