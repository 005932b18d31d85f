"""The review server: a page, its pictures and a few questions and answers in JSON, on this machine only."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from evenhand.errors import EvenhandError, UsageError
from evenhand.review.guard import Guard
from evenhand.review.queue import SUSPECTS
from evenhand.review.session import OvertakenError, Session

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STATIC = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8") for name in ("page", "single", "grid", "told")},
}
LONGEST = 2**20
"""Bytes of a request."""


def check_installed() -> None:
    """Refuse kindly when the server's libraries are not there.

    Raises
    ------
    UsageError
        When they are not.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"The review page needs the package {error.name}. Install it with: pip install 'evenhand[serve]'"
        ) from error


def listen(port: int) -> socket.socket:
    """Return a socket on the loopback address; port 0 means any free one.

    Raises
    ------
    UsageError
        When the port is taken, or not to be had.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))
        found.listen(64)
    except (OSError, OverflowError) as error:
        found.close()
        raise UsageError(f"Port {port} cannot be used ({error}). Leave --port out for any free one.") from error
    return found


def serve(session: Session, listening: socket.socket, ready: Callable[[str], None]) -> None:
    """Answer until Ctrl-C; `ready` is told the address, which opens the page once."""
    import uvicorn

    port = listening.getsockname()[1]
    guard = Guard(application(session), port)
    config = uvicorn.Config(
        guard, log_level="warning", access_log=False, lifespan="off", ws="none", server_header=False
    )
    try:
        # Whoever reads the address may press Ctrl-C before the server listens for it.
        ready(f"http://127.0.0.1:{port}/?token={guard.token}")
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        return
    finally:
        listening.close()


def application(session: Session) -> Any:
    """Return the ASGI application, not guarded yet."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def static(request: Request) -> Response:
        name, kind = STATIC[request.url.path]
        return Response(_file(name), media_type=kind)

    async def nothing(request: Request) -> Response:
        del request
        return Response(status_code=204)

    async def picture(request: Request) -> Response:
        # The pixels of a row never change while a run folder is what it is.
        headers = {"cache-control": "private, max-age=3600"}
        return Response(session.png(int(request.path_params["row"])), media_type="image/png", headers=headers)

    async def summary(request: Request) -> Response:
        del request
        return JSONResponse(session.summary())

    async def item(request: Request) -> Response:
        words = request.query_params
        found = session.item(words.get("list", SUSPECTS), _number(words.get("at")), undecided="open" in words)
        return JSONResponse(found | {"state": session.state()})

    async def grid(request: Request) -> Response:
        words = request.query_params
        found = session.grid(words.get("list", SUSPECTS), _number(words.get("at")), _number(words.get("count"), 24))
        return JSONResponse(found | {"state": session.state()})

    async def decide(request: Request) -> Response:
        told = await _body(request)
        try:
            wanted = [(int(one["row"]), str(one["action"]), str(one.get("label") or "")) for one in told["decisions"]]
            asked = any("seen" in one for one in told["decisions"])
            seen = [str(one["seen"]) for one in told["decisions"]] if asked else None
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise UsageError(f"A decision needs row and action, and seen for all or for none: {error}.") from error
        state = session.decide(wanted, str(told.get("reason") or "")[:1000], seen)
        return JSONResponse(_after(session, told, undecided=True) | {"state": state})

    async def undo(request: Request) -> Response:
        told = await _body(request)
        length = told.get("length")
        if length is not None and not isinstance(length, int):
            raise UsageError(f"{length!r} is no length of a ledger.")
        state = session.undo(str(told.get("list", SUSPECTS)), length)
        if state["at"] is not None and isinstance(told.get("then"), dict):
            told["then"]["at"] = state["at"]
        return JSONResponse(_after(session, told, undecided=False) | {"state": state})

    return Starlette(
        routes=[
            *(Route(path, static) for path in STATIC),
            Route("/image/{row:int}.png", picture),
            Route("/favicon.ico", nothing),
            Route("/api/summary", summary),
            Route("/api/item", item),
            Route("/api/grid", grid),
            Route("/api/decide", decide, methods=["POST"]),
            Route("/api/undo", undo, methods=["POST"]),
        ],
        exception_handlers={EvenhandError: _refused},
    )


def _after(session: Session, told: dict[str, Any], *, undecided: bool) -> dict[str, Any]:
    """Return what is shown after a decision, if the page asked: one way to the server and back for each key."""
    then = told.get("then")
    if not isinstance(then, dict):
        return {}
    name, at = str(then.get("list")), _number(str(then.get("at")))
    if "count" in then:
        return session.grid(name, at, _number(str(then["count"])))
    return session.item(name, at, undecided=undecided)


async def _refused(request: Request, error: Exception) -> Response:
    """Say in the page what went wrong, for example that the disk is full."""
    from starlette.responses import JSONResponse

    del request
    kinds = {OvertakenError: 409, UsageError: 400}
    status = next((status for kind, status in kinds.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error)}, status_code=status)


async def _body(request: Request) -> dict[str, Any]:
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > LONGEST:
            raise UsageError("That is too much at once.")
    try:
        told = json.loads(content or b"{}")
    except ValueError as error:
        raise UsageError(f"That is no JSON: {error}.") from error
    if not isinstance(told, dict):
        raise UsageError("That is no JSON object.")
    return told


def _number(text: str | None, default: int = 0) -> int:
    try:
        return int(text) if text else default
    except ValueError as error:
        raise UsageError(f"{text!r} is no number.") from error


@cache
def _file(name: str) -> bytes:
    return (resources.files("evenhand.review") / "static" / name).read_bytes()
