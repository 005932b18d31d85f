"""The page that stands alone beside the results of attacks: the look of the report, one file, nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evenhand.attacks.robustness import FOLDER
from evenhand.disk import write_bytes
from evenhand.errors import EvenhandError
from evenhand.reporting.glossary import Glossary
from evenhand.reporting.pictures import Album
from evenhand.reporting.report import page_environment
from evenhand.reporting.robustness import Attacked, read_attacks
from evenhand.reporting.robustness_view import robustness_view

PAGE = "report.html"


def write_robustness(run: Path, title: str, model: str | None = None) -> Path:
    """Write ``RUN/robustness/report.html`` about all attacks on a model that lie there; return its place.

    Parameters
    ----------
    run : Path
        The run folder.
    title : str
        What the model is called.
    model : str, optional
        As `read_attacks` takes it.

    Raises
    ------
    EvenhandError
        When there is no attack yet, one is damaged, or the place cannot be written.
    """
    place = run / FOLDER / PAGE
    write_bytes(place, render_robustness(read_attacks(run, model), title))
    return place


def render_robustness(found: Sequence[Attacked], title: str) -> bytes:
    """Return the page as UTF-8 bytes.

    Raises
    ------
    EvenhandError
        When there is no attack to show.
    """
    view = robustness_view(found)
    if view is None:
        raise EvenhandError("There are no finished attacks to show.")
    album = Album(place={}, sheets=(), tile=(1, 1), tiny=False)
    template = page_environment(album).get_template("robustness_page.html")
    html = template.render(attacks=view, title=title, explain=Glossary().explain)
    return html.encode("utf-8", errors="replace")
