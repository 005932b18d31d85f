"""The server as other programs and other sites meet it."""

import http.client
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock
from urllib.parse import urlsplit

import pytest

from evenhand.auditing.ledger import read_ledger
from evenhand.errors import UsageError
from evenhand.review.server import check_installed, listen, serve
from evenhand.review.session import Session


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Speaks HTTP to the server, word for word."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.port, self.enter = int(parts.port or 0), f"{parts.path}?{parts.query}"
        self.cookie = ""

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        told = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie}
        if body is not None:
            told["Content-Type"] = "application/json"
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True)
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        for name, value in (told | ({"Content-Length": str(len(content))} if content else {})).items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(content or None)
        answer = connection.getresponse()
        found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def log_in(self) -> Answer:
        answer = self.ask(self.enter)
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer


KEEP = {"decisions": [{"row": 0, "action": "keep"}]}


@pytest.fixture
def client(served: Callable[..., Any], run_folder: Path) -> Iterator[Client]:
    with served(run_folder) as address:
        assert address.startswith("http://127.0.0.1:")
        yield Client(address)


def test_the_token_is_good_for_one_browser(client: Client, run_folder: Path) -> None:
    assert client.ask("/").status == 403
    assert client.ask("/?token=wrong").status == 403
    first = client.log_in()
    assert (first.status, first.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in first.headers["set-cookie"].split(";")}
    assert client.ask("/").status == 200
    assert client.ask(client.enter).status == 303  # the same browser may come back
    other = Client(f"http://127.0.0.1:{client.port}{client.enter}")
    assert other.ask(other.enter).status == 403
    other.cookie = client.cookie[:-1] + ("A" if client.cookie[-1] != "A" else "B")
    assert other.ask("/").status == 403
    for path in ("/page.js", "/api/summary", "/image/0.png", "/api/item?list=suspects"):
        assert other.ask(path).status == 403
        assert client.ask(path).status == 200


def test_only_the_page_itself_may_change_anything(client: Client, run_folder: Path) -> None:
    client.log_in()
    own = f"http://127.0.0.1:{client.port}"
    assert client.ask("/", Host="evil.example").status == 403
    assert client.ask("/api/summary", Host=f"evil.example:{client.port}").status == 403
    assert client.ask("/api/decide", "POST", KEEP, Origin="http://evil.example").status == 403
    assert client.ask("/api/decide", "POST", KEEP, Origin="null").status == 403
    assert client.ask("/api/decide", "POST", KEEP, Content_Type="text/plain").status == 403
    assert client.ask("/api/decide", "POST", KEEP, Cookie="x=y").status == 403
    assert not (run_folder / "edits.jsonl").exists()
    assert client.ask("/api/decide", "POST", KEEP, Origin=own).status == 200
    assert len(read_ledger(run_folder / "edits.jsonl").edits) == 1


def test_every_answer_forbids_what_a_page_could_be_misused_for(client: Client) -> None:
    client.log_in()
    for path in ("/", "/page.js", "/image/0.png", "/api/summary", "/nowhere"):
        headers = client.ask(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert client.ask("/api/summary").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/../study.json", "/%2e%2e/study.json", "/image/../../study.json", "/image/..%2f..%2fstudy.json",
        "/static/page.js", "/image/999999.png", "/image/-1.png", "/image/0.png/../../../etc/passwd",
        "/etc/passwd", "//etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(client: Client, path: str) -> None:
    client.log_in()
    answer = client.ask(path)
    assert answer.status in (400, 404)
    assert b"fingerprint" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "no JSON"),
        (b"[]", "no JSON object"),
        ({}, "needs row and action"),
        ({"decisions": 3}, "needs row and action"),
        ({"decisions": [{"row": "x", "action": "keep"}]}, "needs row and action"),
        ({"decisions": []}, "at once"),
        ({"decisions": [{"row": 10**9, "action": "keep"}]}, "no picture"),
        ({"decisions": [{"row": 0, "action": "label", "label": "../x"}]}, "no class"),
        (b" " * (2**20 + 1), "too much"),
    ],
)
def test_nonsense_is_answered_with_a_sentence(client: Client, run_folder: Path, body: Any, words: str) -> None:
    client.log_in()
    answer = client.ask("/api/decide", "POST", body)
    assert answer.status == 400
    assert words in json.loads(answer.body)["error"]
    assert not (run_folder / "edits.jsonl").exists()
    assert client.ask("/api/item?list=none").status == 400
    assert client.ask("/api/item?at=x").status == 400


def test_a_picture_is_what_the_networks_saw(client: Client, run_folder: Path) -> None:
    import io

    import numpy as np
    from PIL import Image

    client.log_in()
    shown = np.asarray(Image.open(io.BytesIO(client.ask("/image/5.png").body)))
    assert (shown == np.load(run_folder / "cache/pixels-x.npy")[5]).all()


def test_it_listens_on_this_machine_only() -> None:
    with listen(0) as listening:
        host, port = listening.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(UsageError, match=f"Port {port} cannot be used"):
            listen(port)
    with pytest.raises(UsageError, match="Port 99999 cannot be used"):
        listen(99999)


def test_without_the_extra_it_says_how_to_install_it() -> None:
    check_installed()
    with (
        mock.patch.dict(sys.modules, {"uvicorn": None}),
        pytest.raises(UsageError, match=r"pip install 'evenhand\[serve\]'"),
    ):
        check_installed()


def test_ctrl_c_before_the_server_listens_for_it_is_a_good_end_too() -> None:
    def pressed(address: str) -> None:
        assert address.startswith("http://127.0.0.1:")
        raise KeyboardInterrupt

    listening = listen(0)
    serve(cast(Session, object()), listening, pressed)
    assert listening.fileno() == -1


def test_what_is_shown_next_travels_with_the_answer(client: Client, run_folder: Path) -> None:
    client.log_in()
    then = {"list": "suspects", "at": 1}
    told = json.loads(client.ask("/api/decide", "POST", KEEP | {"then": then}).body)
    assert (told["row"], told["at"], told["state"]["length"]) == (1, 1, 1)
    told = json.loads(client.ask("/api/undo", "POST", {"list": "suspects", "length": 1, "then": then}).body)
    assert (told["row"], told["decided"], told["state"]["undone"]) == (0, False, 1)
    # With nothing to undo, what was shown is shown again.
    told = json.loads(client.ask("/api/undo", "POST", {"list": "suspects", "then": then}).body)
    assert (told["row"], told["state"]["undone"]) == (1, 0)
    screenful = then | {"count": 4}
    told = json.loads(client.ask("/api/decide", "POST", KEEP | {"then": screenful}).body)
    assert [item["row"] for item in told["items"]] == [1, 2, 3, 4]
    assert len(told["ahead"]) == 4
    assert client.ask("/api/undo", "POST", {"length": "long"}).status == 400
    late = {"decisions": [{"row": 0, "action": "exclude", "seen": ""}]}
    refused = client.ask("/api/decide", "POST", late)
    assert refused.status == 409
    assert "Press once more" in json.loads(refused.body)["error"]
    assert [entry.action for entry in read_ledger(run_folder / "edits.jsonl").edits] == ["keep", "undo", "keep"]
