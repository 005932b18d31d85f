"""Numbers and names as people read them, as safe HTML: a class name may be in any script, and may look like markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

LONGEST = 160
"""Characters of a path that are shown; the rest is an ellipsis in its middle."""
LONGEST_NAME = 60
"""Characters of a class name that are shown; the whole of it appears when it is pointed at."""

HALF = 0.52
"""Share above which `one_in` says "more than half"."""
ONE_IN = 0.3
"""Share below which `one_in` speaks of one image, and the verb is singular."""

_RIGHT_TO_LEFT = frozenset({"R", "AL", "RLE", "RLO", "RLI"})


def clipped(text: str, most: int = LONGEST) -> str:
    """Return the text with everything beyond `most` characters cut out of its middle, unprintable ones made visible."""
    text = "".join(_visible(character) for character in text)
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 1]}…{text[-tail:]}"


def _visible(character: str) -> str:
    # Lone surrogates come from file names that are not UTF-8; they could not be written to the page.
    return "\ufffd" if unicodedata.category(character) in ("Cc", "Cs") else character


def name(text: str) -> Markup:
    """Return a class name, isolated so that its writing direction stays its own."""
    short = clipped(text, LONGEST_NAME)
    if len(text) <= LONGEST_NAME:
        return Markup("<bdi>{}</bdi>").format(short)
    return Markup('<bdi title="{}">{}</bdi>').format(clipped(text, 4 * LONGEST), short)


def path(text: str) -> Markup:
    """Return a path or what a program said of it, isolated likewise."""
    return Markup("<bdi>{}</bdi>").format(clipped(text))


def code(text: str) -> Markup:
    """Return something that is typed: a remedy, an option, a file name."""
    return Markup("<code>{}</code>").format(clipped(text))


def sentence(text: str, classes: Sequence[str] = ()) -> Markup:
    """Return a plain sentence; class names in it that are written from right to left are isolated."""
    foreign = [label for label in classes if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in label)]
    if not foreign:
        return escape(text)
    pattern = "|".join(re.escape(label) for label in sorted(foreign, key=len, reverse=True))
    pieces = re.split(f"({pattern})", text)
    known = set(foreign)
    return Markup("").join(name(piece) if piece in known else escape(piece) for piece in pieces)


def listed(items: Iterable[str | Markup], most: int = 5) -> Markup:
    """Return ``a, b and c``; beyond `most` items ``a, b and 7 others``."""
    words = [escape(item) for item in items]
    if len(words) > most + 1:
        words = [*words[:most], escape(spelled(len(words) - most, "other"))]
    if len(words) < 2:
        return Markup("").join(words)
    return Markup(", ").join(words[:-1]) + Markup(" and ") + words[-1]


def number(value: float) -> str:
    """Return a whole number with commas: ``5,625``."""
    return f"{round(value):,}"


def counted(value: float, one: str, many: str = "") -> str:
    """Return ``1 image`` or ``5,625 images``."""
    return f"{number(value)} {one if round(value) == 1 else many or one + 's'}"


_SPELLED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def spelled_number(value: int) -> str:
    """Return ``two``, or from ten on ``5,625``."""
    return _SPELLED[value] if value < len(_SPELLED) else number(value)


def spelled(value: int, one: str, many: str = "") -> str:
    """Return ``two groups``, or from ten on ``5,625 groups``."""
    return f"{spelled_number(value)} {one if value == 1 else many or one + 's'}"


def starting(text: str) -> str:
    """Return the text with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def spaced(text: str) -> str:
    """Return the text with an unbreakable space before every per cent sign, as this page writes it."""
    return re.sub(r"(?<=\d)%", "\u00a0%", text)


def percent(value: float, places: int = 1) -> str:
    """Return a share in [0, 1] as ``91.2 %``, the space unbreakable."""
    return f"{100 * value:.{places}f}\u00a0%"


def chance(value: float) -> str:
    """Return a probability as ``93 %``; what is nearly sure or nearly impossible is never said to be quite so."""
    if value >= 0.995:
        return "over 99\u00a0%"
    return percent(value, 0) if value >= 0.005 else "under 1\u00a0%"


def span(low: float, high: float, places: int = 1) -> str:
    """Return an interval of shares as ``88.1 to 93.9 %``."""
    return f"{100 * low:.{places}f} to {percent(high, places)}"


def points(value: float) -> str:
    """Return a difference of shares as ``+4.2``, in percentage points; the minus is a real one."""
    rounded = round(100 * value, 1) + 0.0
    return f"{rounded:+.1f}".replace("-", "−")


def one_in(share: float) -> str:
    """Return a share in (0, 1] as people say it: ``one in 12``, ``a third of all``, ``more than half of all``."""
    if share > HALF:
        return "more than half of all"
    if share >= 0.45:
        return "half of all"
    if share >= 0.37:
        return "two in five"
    if share >= ONE_IN:
        return "a third of all"
    parts = round(1 / share)
    return f"one in {spelled_number(parts)}"
