"""The review page: suspects in, decisions out. It runs on this machine only."""
