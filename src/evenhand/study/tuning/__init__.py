"""The search for settings: what is searched, how trials are tried and stopped, what mattered, what it gained."""
