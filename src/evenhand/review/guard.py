"""Who may talk to the review page: this machine's browser that was given the address, and nobody else."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs

from evenhand import web
from evenhand.web import App, Message, Receive, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    **web.HEADERS,
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
}
CLOSED = "This page opens with the address that `evenhand review` printed, once. Start it again for a new one."


class Guard:
    """An ASGI application around another one that lets through what came with its cookie.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    port : int
        Where it listens: requests under other names than this machine's own are refused, so that no web page can
        have its own name point here.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"evenhand_review_{port}"
        self._secret = secrets.token_urlsafe(32)
        self.token = secrets.token_urlsafe(32)
        self._spent = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        known = self._known(headers.get("cookie", ""))
        if headers.get("host") not in self._hosts:
            await _answer(send, 403, "Refused: this server answers to 127.0.0.1 only.")
        elif scope["path"] == "/" and scope["method"] == "GET" and scope["query_string"]:
            await self._enter(scope, send, known=known)
        elif not known:
            await _answer(send, 403, CLOSED)
        elif scope["method"] not in ("GET", "HEAD") and not self._own(headers):
            await _answer(send, 403, "Refused: only the page itself may change anything.")
        else:
            await self._app(scope, receive, web.with_headers(send, HEADERS))

    def _known(self, cookies: str) -> bool:
        found = web.cookie(cookies, self._cookie)
        return found is not None and web.same(found, self._secret)

    def _own(self, headers: dict[str, str]) -> bool:
        """Return whether a request that changes something comes from the page: other sites cannot send JSON here."""
        origin = headers.get("origin")
        same = origin is None or origin.removeprefix("http://") == headers["host"]
        return same and headers.get("content-type", "").split(";")[0].strip() == "application/json"

    async def _enter(self, scope: Message, send: Send, *, known: bool) -> None:
        """Exchange the token for a cookie, once; a browser that has its cookie may come back with the old address."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        right = web.same(given, self.token)
        if not right or (self._spent and not known):
            await _answer(send, 403, CLOSED)
            return
        self._spent = True
        cookie = f"{self._cookie}={self._secret}; HttpOnly; SameSite=Strict; Path=/"
        await _answer(send, 303, "", {"location": "/", "set-cookie": cookie})


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    told = {"content-type": "text/plain; charset=utf-8", **HEADERS, **(headers or {})}
    await web.answer(send, status, text.encode(), told)
