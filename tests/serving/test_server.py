"""The server in a process of its own: what it answers, and what it refuses with which words."""

import io
import json
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from evenhand.data.pixels import decode, resize
from evenhand.errors import ModelFileError, UsageError
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.serving.server import check_fresh, check_installed, exported_file, listen, token_for
from evenhand.training.model_file import Model
from handed_over import encoded, pixels

if TYPE_CHECKING:
    from conftest import Server

Served = Callable[..., Any]
PICTURE = encoded(pixels(1, (48, 40), seed=5)[0], "JPEG")


def form(content: bytes, boundary: str = "XyZ") -> tuple[bytes, str]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize("way", ["form", "image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"])
def test_a_picture_gets_the_models_answer(server: "Server", made: Model, way: str) -> None:
    body, kind = form(PICTURE) if way == "form" else (PICTURE, way)
    reply = server.ask("/predict", body, content_type=kind)
    assert reply.status == 200
    expected = made.probabilities(resize(decode(PICTURE), (32, 32))[None])[0]
    assert reply.json["class"] == made.classes[int(expected.argmax())]
    assert list(reply.json["probabilities"]) == list(made.classes)
    np.testing.assert_allclose(list(reply.json["probabilities"].values()), expected, atol=1e-4)
    assert reply.json["probability"] == max(reply.json["probabilities"].values())
    assert reply.json["rejected"] is False


def test_every_format_that_is_read_is_taken(server: "Server") -> None:
    image = pixels(1)[0]
    for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"):
        assert server.ask("/predict", encoded(image, kind)).status == 200, kind


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"", "", 400, "empty"),
        (b"no picture", "image/png", 422, "unreadable"),
        (PICTURE[:300], "image/png", 422, "truncated"),
        (PICTURE, "text/html", 415, "text/html"),
        (PICTURE, "multipart/form-data", 400, "boundary"),
        (b"--X\r\n\r\n", "multipart/form-data; boundary=X", 400, "cut off"),
        (form(b"")[0], form(b"")[1], 400, "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "", 422, "damaged"),
    ],
)
def test_what_is_no_picture_is_a_4xx_with_the_reason(
    server: "Server", body: bytes, kind: str, status: int, words: str
) -> None:
    reply = server.ask("/predict", body, content_type=kind)
    assert reply.status == status
    assert words in reply.json["error"]


def test_other_paths_and_methods_are_refused_in_json(server: "Server") -> None:
    for path, method, status in (("/absent", "GET", 404), ("/predict", "GET", 405), ("/health", "POST", 405)):
        reply = server.ask(path, method=method)
        assert (reply.status, bool(reply.json["error"])) == (status, True)


def test_bombs_are_refused(server: "Server") -> None:
    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    reply = server.ask("/predict", stream.getvalue())
    assert reply.status == 413
    assert "oversized" in reply.json["error"]


def test_health_metrics_and_description(server: "Server", made: Model) -> None:
    health = server.ask("/health").json
    assert (health["status"], health["classes"], health["size"]) == ("ok", list(made.classes), [32, 32])
    answered = server.ask("/predict", PICTURE).json["class"]
    lines = server.ask("/metrics").body.decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert int(told['evenhand_requests_total{path="/predict",status="200"}']) >= 1
    assert int(told[f'evenhand_answers_total{{class="{answered}"}}']) >= 1
    assert (told["evenhand_in_flight"], told["evenhand_buffered_bytes"]) == ("0", "0")
    described = server.ask("/openapi.json").json
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {"/predict", "/health", "/metrics", "/openapi.json", "/"}
    for path, methods in described["paths"].items():
        for method in methods:
            assert server.ask(path, method=method.upper()).status in (200, 400), path
    answer = described["components"]["schemas"]["Answer"]
    assert set(answer["required"]) == set(server.ask("/predict", PICTURE).json)


def test_the_page_comes_with_strict_headers(server: "Server") -> None:
    for path in ("/", "/page.css", "/page.js"):
        reply = server.ask(path)
        assert reply.status == 200
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
    assert "server" not in reply.headers


def test_no_other_name_may_point_here(server: "Server") -> None:
    port = server.address[1]
    assert server.ask("/predict", PICTURE, host="evil.example").status == 403
    assert server.ask("/predict", PICTURE, host=f"localhost:{port}").status == 200


def test_a_server_keeps_its_limits(served: Served) -> None:
    with served("--max-mb", "0.1", "--timeout", "1", "--queue", "1", "--reject-below", "1") as server:
        assert server.ask("/predict", b"x" * 200_000).status == 413
        rejected = server.ask("/predict", PICTURE).json
        assert (rejected["class"], rejected["rejected"]) == (None, True)
        # One that sends nothing takes the only place, until its time is over.
        with socket.create_connection(server.address) as slow:
            slow.sendall(
                b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 9\r\n\r\n" % server.address[1]
            )
            time.sleep(0.3)
            refused = server.ask("/predict", PICTURE)
            assert (refused.status, refused.headers["retry-after"]) == (429, "1")
            assert server.ask("/health").status == 200
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
        # A body without a length is counted as it comes.
        with socket.create_connection(server.address) as chunked:
            head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunked.sendall(head % server.address[1] + b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
            assert chunked.recv(100).startswith(b"HTTP/1.1 413")
        assert server.ask("/predict", PICTURE).status == 200


def test_who_goes_away_half_way_leaves_nothing_behind(served: Served) -> None:
    with served() as server:
        for _ in range(20):
            with socket.create_connection(server.address) as gone:
                gone.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % server.address[1])
                gone.sendall(b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000)
        deadline = time.monotonic() + 10
        while "evenhand_in_flight 0" not in server.ask("/metrics").body.decode() and time.monotonic() < deadline:
            time.sleep(0.05)
        told = server.ask("/metrics").body.decode()
        assert "evenhand_in_flight 0\n" in told
        assert "evenhand_buffered_bytes 0\n" in told
        assert 'status="5' not in told


def test_beyond_loopback_a_token_is_needed(served: Served) -> None:
    with served("--host", "0.0.0.0") as server:
        assert server.token
        assert len(server.token) >= 32
        assert server.ask("/predict", PICTURE).status == 401
        assert server.ask("/predict", PICTURE, authorization="Bearer wrong").status == 401
        assert server.ask("/predict", PICTURE, authorization=f"Bearer {server.token}").status == 200
        assert server.ask("/health").json == {"status": "ok"}
        for path in ("/", "/metrics", "/openapi.json", "/?token=wrong"):
            assert server.ask(path).status == 401
        entered = server.ask(f"/?token={server.token}")
        assert (entered.status, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"].split(";")[0]
        assert "HttpOnly; SameSite=Strict" in entered.headers["set-cookie"]
        assert server.token not in cookie
        assert server.ask("/", cookie=cookie).status == 200
        assert server.ask("/predict", PICTURE, cookie=cookie).status == 200


def test_a_token_of_your_own(served: Served) -> None:
    with served(token="correct horse battery") as server:
        assert server.ask("/predict", PICTURE).status == 401
        assert server.ask("/predict", PICTURE, authorization="Bearer correct horse battery").status == 200
    assert token_for("127.0.0.1", {}) is None
    assert token_for("::1", {}) is None
    assert token_for("192.168.0.7", {})
    with pytest.raises(UsageError, match="at least 16"):
        token_for("127.0.0.1", {"EVENHAND_TOKEN": "short"})


def test_the_server_does_without_torch(server: "Server") -> None:
    maps = Path(f"/proc/{server.process.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process has loaded")
    assert "libtorch" not in maps.read_text(encoding="utf-8")


def test_requests_that_come_together_go_through_the_model_together(served: Served) -> None:
    with served() as server:
        threads = [threading.Thread(target=server.ask, args=("/predict", PICTURE)) for _ in range(48)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lines = server.ask("/metrics").body.decode().splitlines()
        told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        assert float(told["evenhand_batch_images_sum"]) == 48
        assert int(told["evenhand_batch_images_count"]) < 48


def test_which_file_is_served(exported: Path, tmp_path: Path) -> None:
    assert exported_file(exported) == exported / "model.onnx"
    assert exported_file(exported / "model.onnx") == exported / "model.onnx"
    shutil.copy(exported / "model.json", tmp_path)
    with pytest.raises(ModelFileError, match="evenhand export"):
        exported_file(tmp_path)
    with pytest.raises(ModelFileError, match="no model"):
        exported_file(tmp_path / "absent")


def test_a_stale_export_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "model"))
    found = OnnxModel(folder / "model.onnx")
    check_fresh(found, folder / "model.onnx")
    told = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(told | {"weights_sha256": "other"}), encoding="utf-8")
    with pytest.raises(ModelFileError, match="Export again"):
        check_fresh(found, folder / "model.onnx")
    (folder / "model.json").unlink()
    check_fresh(found, folder / "model.onnx")


def test_addresses_that_cannot_be_listened_on() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="Choose another --port"):
        listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(UsageError, match="no address"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(UsageError, match="0 to 65535"):
        listen("127.0.0.1", 99_999)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UsageError, match=r"uvicorn.*evenhand\[serve\]"):
        check_installed()
