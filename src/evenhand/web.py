"""What both of our servers say around an application: safe headers, short answers, and the cookie of a page."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every answer, beside each server's own policy for what its pages may load."""


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Return a `send` that adds headers to an answer, those left alone that the application sets itself."""

    async def decorated(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in own]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return decorated


async def answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Send a whole answer; its length is said besides."""
    told = {"content-length": str(len(body)), **headers}
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [(name.encode(), value.encode()) for name, value in told.items()]})
    await send({"type": "http.response.body", "body": body})


def cookie(header: str, name: str) -> str | None:
    """Return the value of a cookie of a request's header ``cookie``; None where it is not there, or unreadable."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def same(given: str, right: str) -> bool:
    """Return whether a secret is the right one, in a time that does not tell how much of it is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())
