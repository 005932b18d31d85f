"""The demo set: small pictures of cars, trucks and cats, drawn from shapes, with every fault the product finds."""

from evenhand.data.demo.folder import DemoTruth, clean_set, make_demo

__all__ = ["DemoTruth", "clean_set", "make_demo"]
