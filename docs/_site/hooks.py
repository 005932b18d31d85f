"""What the site needs beyond Markdown: formulas as MathML, and the command reference read off the program itself."""

from __future__ import annotations

import html
import posixpath
import re
from typing import Any

from commands import described
from latex2mathml.converter import convert

PLACE = "<!-- commands -->"
"""Where a page wants the command reference."""
LINK = re.compile(r"\[([^\]\n]+)\]\((\.\./[^)\s]+)\)")
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


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with the command reference in its place, and without links to files that the site has not."""

    def inside(found: re.Match[str]) -> str:
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), found[2]))
        return found[1] if leads.startswith("../") else found[0]

    told = LINK.sub(inside, markdown)
    return told.replace(PLACE, described()) if PLACE in told else told


def on_page_content(content: str, **_: Any) -> str:
    """Return a page whose formulas are MathML, which browsers draw by themselves, without a script or a font."""
    return FORMULA.sub(_as_mathml, NOTHING_TOLD.sub("", content))


def _as_mathml(found: re.Match[str]) -> str:
    display = "block" if found["open"] == "[" else "inline"
    told = convert(html.unescape(found["tex"]).strip(), display=display)
    told = PRIMED.sub(r"<mrow>\1<mo lspace='0' rspace='0.1em'>&#x02032;</mo></mrow>", told)
    return NAMED.sub(r"\1<mspace width='0.17em'/>", told)
