"""The server: which file is served, where it listens, and how it begins and ends."""

from __future__ import annotations

import json
import os
import secrets
import socket
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evenhand.engines.local import cores
from evenhand.errors import ModelFileError, UsageError
from evenhand.exporting.onnx_model import ENDING, OnnxModel
from evenhand.serving.access import Access, is_loopback
from evenhand.serving.app import Service, application
from evenhand.serving.limits import Limits

TOKEN = "EVENHAND_TOKEN"  # noqa: S105 - the name of a variable
"""The variable of the environment that a token may come from: on the command line every user could see it."""
_SHORTEST = 16


@dataclass(frozen=True)
class Serve:
    """The words of the command `serve`."""

    model: Path
    host: str = "127.0.0.1"
    port: int = 8000
    limits: Limits = field(default_factory=Limits)


def check_installed() -> None:
    """Refuse kindly when the server's libraries are not there.

    Raises
    ------
    UsageError
        When they are not.
    """
    try:
        import onnxruntime  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"Serving needs the package {error.name}. Install it with: pip install 'evenhand[serve]'"
        ) from error


def exported_file(path: Path) -> Path:
    """Return the ONNX file of a model folder, or the file itself.

    Raises
    ------
    ModelFileError
        When there is none, or it was exported from other weights than lie beside it.
    """
    if path.suffix.lower() == ENDING or path.is_file():
        return path
    found = path / f"model{ENDING}"
    if not found.is_file():
        if (path / "model.json").is_file():
            raise ModelFileError(f"{path} was not exported yet. Do so with: evenhand export {path} --to onnx")
        raise ModelFileError(f"There is no model {path}. Give a model folder that was exported, or an {ENDING} file.")
    return found


def check_fresh(model: OnnxModel, path: Path) -> None:
    """Refuse a file that was exported before the model folder it lies in was written again.

    Raises
    ------
    ModelFileError
        When it was.
    """
    try:
        made = json.loads((path.parent / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    own, beside = model.facts.get("weights_sha256"), made.get("weights_sha256")
    if own and beside and own != beside:
        raise ModelFileError(
            f"{path} was exported from other weights than lie beside it. Export again: evenhand export {path.parent}"
        )


def token_for(host: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token that is asked for: that of the environment, beyond loopback a new one, else none.

    Raises
    ------
    UsageError
        When the environment's is too short to keep anybody out.
    """
    given = environment.get(TOKEN)
    if given is not None and len(given) < _SHORTEST:
        raise UsageError(f"The token in {TOKEN} needs at least {_SHORTEST} letters.")
    return given or (None if is_loopback(host) else secrets.token_urlsafe(32))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 means any free one.

    Raises
    ------
    UsageError
        When the address is not this machine's, or the port is taken.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"--port must be 0 to 65535, not {port}.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(f"{host}:{port} is no address to listen on: {error}.") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(512)
    except (OSError, OverflowError) as error:
        found.close()
        raise UsageError(f"{host}:{port} cannot be listened on ({error}). Choose another --port; 0 is any.") from error
    return found


def serve(request: Serve, ready: Callable[[str, str | None], None]) -> None:
    """Answer until Ctrl-C or SIGTERM; `ready` is told the address, and the token if there is one.

    Raises
    ------
    ModelFileError
        When there is no exported model, or it cannot be read.
    UsageError
        When the address cannot be listened on, or a library is missing.
    """
    check_installed()
    import uvicorn

    path = exported_file(request.model)
    # One batch at a time: half of the cores compute it, while others decode the next one.
    model = OnnxModel(path, threads=max(1, cores() // 2))
    check_fresh(model, path)
    token = token_for(request.host)
    # Pillow's warnings are no news to anybody here; what they warn of is refused (see `decode`).
    warnings.simplefilter("ignore")
    listening = listen(request.host, request.port)
    port = int(listening.getsockname()[1])
    service = Service(model, request.limits, threads=cores())
    guarded = Access(application(service), host=request.host, port=port, token=token)
    config = uvicorn.Config(
        guarded,
        log_level="error",  # a warning for each malformed request would let anybody fill the disk
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    try:
        # Whoever reads the address may press Ctrl-C before the server listens for it.
        ready(_address(request.host, port), token)
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        return
    finally:
        listening.close()
        service.close()


def _address(host: str, port: int) -> str:
    everywhere = host in ("0.0.0.0", "::", "[::]", "")  # noqa: S104 - compared with, not bound to
    name = socket.gethostname() if everywhere else (f"[{host}]" if ":" in host and not host.startswith("[") else host)
    return f"http://{name}:{port}/"
