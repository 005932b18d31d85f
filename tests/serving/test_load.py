"""The server under load and under fire, from this process: no answer is lost, nothing grows."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evenhand.data.pixels import decode, resize
from evenhand.training.model_file import Model
from handed_over import encoded, malformed, pixels

if TYPE_CHECKING:
    from conftest import Server

pytestmark = pytest.mark.slow
CONNECTIONS, SECONDS = 64, 4


def hammer(server: "Server", bodies: list[bytes], until: float, told: list[tuple[int, int, bytes]]) -> None:
    """Send bodies on one connection, one after the other, and keep what comes back."""
    connection = http.client.HTTPConnection("127.0.0.1", server.address[1], timeout=60)
    number = 0
    while time.monotonic() < until:
        place = number % len(bodies)
        connection.request("POST", "/predict", bodies[place])
        reply = connection.getresponse()
        told.append((reply.status, place, reply.read()))
        number += 1
    connection.close()


def test_saturation_loses_no_answer_and_mixes_none_up(served: Callable[..., Any], made: Model) -> None:
    images = pixels(12, (40, 40), seed=3)
    bodies = [encoded(image) for image in images]
    expected = made.probabilities(np.stack([resize(decode(body), (32, 32)) for body in bodies]))
    with served() as server:
        told: list[tuple[int, int, bytes]] = []
        until = time.monotonic() + SECONDS
        work = [threading.Thread(target=hammer, args=(server, bodies, until, told)) for _ in range(CONNECTIONS)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert Counter(status for status, _, _ in told) == {200: len(told)}
        assert len(told) > 5 * CONNECTIONS
        for _, place, body in told:
            found = list(json.loads(body)["probabilities"].values())
            np.testing.assert_allclose(found, expected[place], atol=1e-4)
        assert 'status="5' not in server.ask("/metrics").body.decode()


def test_too_many_at_once_are_told_to_come_again(served: Callable[..., Any]) -> None:
    with served("--queue", "4") as server:
        told: list[tuple[int, int, bytes]] = []
        until = time.monotonic() + 2
        body = encoded(pixels(1, (900, 900))[0])
        work = [threading.Thread(target=hammer, args=(server, [body], until, told)) for _ in range(32)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        counts = Counter(status for status, _, _ in told)
        assert set(counts) == {200, 429}
        assert server.ask("/predict", body).status == 200


def test_what_is_no_http_at_all_is_survived(served: Callable[..., Any]) -> None:
    generator = np.random.default_rng(1)
    heads = (
        b"",
        b"POST /predict HTTP/1.1\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    )
    with served() as server:
        for number in range(60):
            with socket.create_connection(server.address, timeout=20) as connection:
                noise = generator.integers(0, 256, 200, dtype=np.uint8).tobytes()
                connection.sendall(heads[number % len(heads)] + noise + b"\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                reply = connection.recv(100)
            assert reply == b"" or reply.startswith(b"HTTP/1.1 4"), reply
        assert server.ask("/predict", encoded(pixels(1)[0])).status == 200


def test_malformed_requests_get_no_5xx_and_leak_nothing(served: Callable[..., Any]) -> None:
    generator = np.random.default_rng(0)
    goods = [encoded(pixels(1, (60, 60))[0], kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")]
    with served() as server:

        def fire(n: int) -> Counter[int]:
            statuses: Counter[int] = Counter()
            connection = http.client.HTTPConnection("127.0.0.1", server.address[1], timeout=60)
            for number in range(n):
                body, kind = malformed(generator, goods[number % len(goods)])
                connection.request("POST", "/predict", body, {"content-type": kind} if kind else {})
                reply = connection.getresponse()
                reply.read()
                statuses[reply.status] += 1
            connection.close()
            return statuses

        fire(300)
        before = server.memory()
        statuses = fire(900)
        assert set(statuses) <= {200, 400, 413, 415, 422}
        assert sum(count for status, count in statuses.items() if status != 200) > 500
        assert server.memory() < before + 30
        told = server.ask("/metrics").body.decode()
        assert "evenhand_in_flight 0\n" in told
        assert "evenhand_buffered_bytes 0\n" in told
