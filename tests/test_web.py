import asyncio
from typing import Any

from evenhand import web


def told(*messages: dict[str, Any], headers: dict[str, str]) -> list[Any]:
    """Return what arrives when an application sends `messages` through added headers."""
    arrived: list[Any] = []

    async def send(message: Any) -> None:
        arrived.append(message)

    async def all_of_them() -> None:
        for message in messages:
            await web.with_headers(send, headers)(message)

    asyncio.run(all_of_them())
    return arrived


def test_headers_are_added_to_the_start_of_an_answer_alone_and_replace_none() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"max-age=9")]}
    body = {"type": "http.response.body", "body": b"x"}
    found = told(start, body, headers={"cache-control": "no-store", "x-frame-options": "DENY"})
    assert found[0]["headers"] == [(b"Cache-Control", b"max-age=9"), (b"x-frame-options", b"DENY")]
    assert found[1] == body


def test_an_answer_says_its_length_in_bytes() -> None:
    arrived: list[Any] = []

    async def send(message: Any) -> None:
        arrived.append(message)

    asyncio.run(web.answer(send, 403, "nö".encode(), {"content-type": "text/plain"}))
    assert arrived[0]["status"] == 403
    assert dict(arrived[0]["headers"]) == {b"content-length": b"3", b"content-type": b"text/plain"}
    assert arrived[1]["body"] == "nö".encode()


def test_a_cookie_is_found_by_its_name_and_a_broken_header_has_none() -> None:
    assert web.cookie("a=1; evenhand=secret", "evenhand") == "secret"
    assert web.cookie("a=1", "evenhand") is None
    assert web.cookie("", "evenhand") is None
    assert web.cookie("evenhand=a; b[=\x00", "other") is None


def test_a_secret_is_the_same_or_not_whatever_somebody_sends() -> None:
    assert web.same("secret", "secret")
    assert not web.same("secrets", "secret")
    assert not web.same("\ud800", "secret")
