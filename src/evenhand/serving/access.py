"""Who may ask: on loopback this machine's programs, beyond it whoever has the token."""

from __future__ import annotations

import ipaddress
import json
import secrets
from urllib.parse import parse_qs

from evenhand import web
from evenhand.web import App, Message, Receive, Send

HEADERS = {
    **web.HEADERS,
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
OPEN = ("/health",)
"""Paths that are answered without a token, for those who watch whether the server lives."""
KNOWN = "evenhand.known"
"""Where the application reads whether a request came with the token, or needs none."""
_NEEDED = "A token is needed: send the header `Authorization: Bearer TOKEN`, or open the address that was printed."


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Access:
    """An ASGI application around another one that lets through who may ask.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    port : int
        Where it listens.
    host : str
        The address it is bound to. On loopback, requests under other names than this machine's own are refused, so that
        no web page can have its own name point here.
    token : str, optional
        Who asks has to know it, as a bearer token or, in a browser, by opening the page with it once.
    """

    def __init__(self, app: App, *, host: str, port: int, token: str | None) -> None:
        self._app, self._token = app, token
        self._cookie, self._secret = f"evenhand_serve_{port}", secrets.token_urlsafe(32)
        names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
        ends = {f":{port}", *([""] if port == 80 else [])}
        self._hosts = {name + end for name in names for end in ends} if is_loopback(host) else None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        known = self._knows(headers)
        if self._hosts is not None and headers.get("host") not in self._hosts:
            await _answer(send, 403, "Refused: this server answers to this machine's own names only.")
        elif self._token and scope["path"] == "/" and scope["method"] == "GET" and scope["query_string"]:
            await self._enter(scope, send)
        elif not known and scope["path"] not in OPEN:
            await _answer(send, 401, _NEEDED, {"www-authenticate": 'Bearer realm="evenhand"'})
        else:
            scope[KNOWN] = known
            await self._app(scope, receive, web.with_headers(send, HEADERS))

    def _knows(self, headers: dict[str, str]) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and web.same(given.strip(), self._token):
            return True
        found = web.cookie(headers.get("cookie", ""), self._cookie)
        return found is not None and web.same(found, self._secret)

    async def _enter(self, scope: Message, send: Send) -> None:
        """Exchange the token in the page's address for a cookie."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not web.same(given, str(self._token)):
            await _answer(send, 401, _NEEDED, {"www-authenticate": 'Bearer realm="evenhand"'})
            return
        cookie = f"{self._cookie}={self._secret}; HttpOnly; SameSite=Strict; Path=/"
        await _answer(send, 303, "", {"location": "/", "set-cookie": cookie})


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    body = json.dumps({"error": text}).encode() if text else b""
    await web.answer(send, status, body, {"content-type": "application/json", **HEADERS, **(headers or {})})
