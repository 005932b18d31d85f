"""Small pictures drawn from shapes: cars, trucks and cats with every fault, and ten kinds of them, long-tailed."""

from evenhand.data.demo.folder import clean_set, make_demo
from evenhand.data.demo.kinds import clean_kinds, long_tailed, make_long_tailed
from evenhand.data.demo.on_disk import DemoTruth

__all__ = ["DemoTruth", "clean_kinds", "clean_set", "long_tailed", "make_demo", "make_long_tailed"]
