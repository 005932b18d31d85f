"""A model behind an address: served in a process of its own, as people serve it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from evenhand.exporting.onnx_file import to_onnx
from evenhand.training.model_file import Model, save_model
from handed_over import model

MADE = model("simple", (32, 32), classes=("cat", "dog", "owl"))


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    token: str | None
    process: subprocess.Popen[str]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def ask(self, path: str, body: bytes | None = None, method: str = "", **headers: str) -> Reply:
        """Send one request on a connection of its own; underscores in header names are dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.address[1], timeout=60)
        try:
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method or ("GET" if body is None else "POST"), path, body, told)
            reply = connection.getresponse()
            return Reply(reply.status, {key.lower(): value for key, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def memory(self) -> float:
        """Return the megabytes that the server's process holds."""
        told = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in told.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@pytest.fixture(scope="session")
def made() -> Model:
    """The model that is served."""
    return MADE


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with its export. Not to be changed."""
    folder = tmp_path_factory.mktemp("served") / "model"
    save_model(MADE, folder, {})
    sha = json.loads((folder / "model.json").read_text(encoding="utf-8"))["weights_sha256"]
    (folder / "model.onnx").write_bytes(to_onnx(MADE, {"weights_sha256": sha}))
    return folder


@pytest.fixture(scope="session")
def served(program: list[str], exported: Path) -> Callable[..., Any]:
    """Serve the model for a while: ``with served("--queue", "2") as server``; it ends as people end it."""

    @contextmanager
    def serve(*words: str, token: str | None = None) -> Iterator[Server]:
        environment = {name: value for name, value in os.environ.items() if name != "EVENHAND_TOKEN"}
        process = subprocess.Popen(
            [*program, "serve", str(exported), "--port", "0", "--json", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | ({"EVENHAND_TOKEN": token} if token else {}),
        )
        assert process.stdout
        line = process.stdout.readline()
        try:
            assert line, process.communicate()[1]
            told = json.loads(line)
            yield Server(told["url"], told["token"], process)
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")

    return serve


@pytest.fixture(scope="module")
def server(served: Callable[..., Any]) -> Iterator[Server]:
    """A server for all tests of a file."""
    with served() as running:
        yield running
