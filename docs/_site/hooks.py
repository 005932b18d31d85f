"""What the site needs beyond Markdown: formulas as MathML, and the command reference read off the program itself."""

from __future__ import annotations

import html
import re
from typing import Any

from commands import described
from latex2mathml.converter import convert

PLACE = "<!-- commands -->"
"""Where a page wants the command reference."""
PROJECT_FILE = re.compile(r"\]\(\.\./(CHANGELOG\.md|LICENSE|README\.md)\)")
FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\s*\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]\s*</\1>',
    re.DOTALL,
)

NAMED = re.compile(r"(<mi>(?:log|ln|sin|max|min)</mi>)(?=<m[in]>|<ms)")
"""A function by name whose argument follows without a parenthesis: a little room belongs between them."""
NOTHING_TOLD = re.compile(r'\s*–\s*<div class="doc-md-description">\s*</div>')
"""The dash after a parameter whose name says everything."""
PRIMED = re.compile(r"<msup>(<mi>[^<]+</mi>)<mi>&#x02032;</mi></msup>")
"""A letter with a prime, which is raised and small by itself: made an exponent it could not be seen."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with the command reference in its place."""
    return markdown.replace(PLACE, described()) if PLACE in markdown else markdown


def on_page_content(content: str, **_: Any) -> str:
    """Return a page whose formulas are MathML, which browsers draw by themselves, without a script or a font."""
    return FORMULA.sub(_as_mathml, NOTHING_TOLD.sub("", content))


def _as_mathml(found: re.Match[str]) -> str:
    display = "block" if found["open"] == "[" else "inline"
    told = convert(html.unescape(found["tex"]).strip(), display=display)
    told = PRIMED.sub(r"<mrow>\1<mo lspace='0' rspace='0.1em'>&#x02032;</mo></mrow>", told)
    return NAMED.sub(r"\1<mspace width='0.17em'/>", told)
