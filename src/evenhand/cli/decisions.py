"""The commands about decisions: the review page, and what is exported from the ledger."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

from evenhand.cli import show


def review(run: Path, *, port: int, browser: bool, reviewer: str | None, json: bool) -> None:
    """Serve the review page until Ctrl-C, and say then what was decided."""
    from evenhand.review.server import check_installed

    check_installed()
    from evenhand.review.queue import read_queue
    from evenhand.review.server import listen, serve
    from evenhand.review.session import Session

    session = Session(run, read_queue(run), reviewer or _user())

    def ready(address: str) -> None:
        if json:
            show.print_json("review", run=str(run), url=address, ledger=str(session.path))
        else:
            show.print_places([("Ledger", session.path)])
            print(f"Review: {address}")
            print("Ctrl-C ends it; every decision is on the disk already.", file=sys.stderr)
        sys.stdout.flush()
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(session, listen(port), ready)
    state = session.state()
    print(
        f"\n{state['settled']} pictures are settled: {state['changed']} relabelled, {state['excluded']} excluded. "
        f"Use them with --edits {session.path}.",
        file=sys.stderr,
    )


def edits(run: Path, *, to: Path | None, decisions: Path | None, folder: Path | None, link: bool, json: bool) -> None:
    """Say what was decided in a run, and export it."""
    from evenhand.auditing.ledger import EDITS, read_ledger, replay, write_decisions
    from evenhand.errors import UsageError
    from evenhand.review.exports import corrected, refuse_inside, write_corrected, write_folder

    if link and folder is None:
        raise UsageError("--link goes with --folder OUT.")
    ledger = read_ledger(run / EDITS)
    found = corrected(run, replay(ledger.edits))
    written: list[tuple[str, Path]] = []
    if decisions:
        refuse_inside(decisions, found)
        write_decisions(decisions, replay(ledger.edits).values())
        written.append(("Decisions", decisions))
    if to:
        write_corrected(found, to)
        written.append(("Corrected labels", to))
    if folder:
        write_folder(found, folder, link=link)
        written.append(("Corrected folder", folder))
    told: dict[str, Any] = {
        "entries": len(ledger.edits),
        "torn_lines": list(ledger.torn),
        "changed": found.edited.changed,
        "excluded": found.edited.excluded,
        "not_in_data": found.edited.strange,
    }
    if json:
        show.print_json("edits", run=str(run), **told, written=[str(place) for _, place in written])
        return
    print(found.edited.sentence())
    if ledger.torn:
        print(f"Lines cut off by a crash, which count for nothing: {', '.join(map(str, ledger.torn))}.")
    show.print_places(written)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user: a container, for example
        return "somebody"
