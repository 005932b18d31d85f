"""`serve` at saturation and under fire: 30 s from 64 connections, then 10,000 malformed requests.

python benchmarks/serve_load.py [--seconds 30] [--connections 64] [--malformed 10000] [--size 32] [--photo 120x90]

The server runs in a process of its own, as do the clients (two processes, which take part of the same cores). Targets:
no answer but 200 at saturation, no 5xx for malformed requests, and no growth of memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np

from evenhand.exporting.onnx_file import to_onnx
from hardware import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from handed_over import encoded, malformed, pixels
from handed_over import model as sharpened

CLIENTS = 2


def main() -> None:
    """Serve a model, load it, print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=30)
    words.add_argument("--connections", type=int, default=64)
    words.add_argument("--malformed", type=int, default=10_000)
    words.add_argument("--size", type=int, default=32)
    words.add_argument("--photo", default="120x90", help="width x height of the pictures sent")
    settings = words.parse_args()
    print(describe())
    print(", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "starlette", "uvicorn")))
    width, height = (int(side) for side in settings.photo.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(to_onnx(sharpened("simple", (settings.size, settings.size), classes=("a", "b", "c")), {}))
        program = str(Path(sys.executable).with_name("evenhand"))
        server = subprocess.Popen(
            [program, "serve", str(path), "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout
            port = int(json.loads(server.stdout.readline())["url"].rstrip("/").rpartition(":")[2])
            bodies = [encoded(image, "JPEG", quality=90) for image in pixels(32, (height, width))]
            missed = _saturate(server.pid, port, bodies, settings.seconds, settings.connections)
            missed |= _fire(server.pid, port, settings.malformed)
        finally:
            server.terminate()
            server.wait()
    sys.exit(missed)


def _saturate(pid: int, port: int, bodies: list[bytes], seconds: float, connections: int) -> bool:
    _clients(port, bodies, 2.0, connections)  # what is allocated once is allocated now
    before = _memory(pid)
    found = _clients(port, bodies, seconds, connections)
    after = _memory(pid)
    statuses, times = Counter(status for status, _ in found), np.sort([taken for _, taken in found])
    middle, slow = times[len(times) // 2], times[int(0.99 * len(times))]
    good = set(statuses) == {200} and after <= before * 1.1
    print(
        f"{seconds:g} s from {connections} connections: {len(found) / seconds:,.0f} answers/s, median "
        f"{middle * 1e3:.0f} ms, 99 % within {slow * 1e3:.0f} ms, statuses {dict(statuses)} (target: 200 alone), "
        f"memory {before:.0f} to {after:.0f} MB (target: within 10 %): {'met' if good else 'MISSED'}",
        flush=True,
    )
    return not good


def _fire(pid: int, port: int, n: int) -> bool:
    generator = np.random.default_rng(0)
    goods = [encoded(pixels(1, (60, 60))[0], kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")]
    statuses: Counter[int] = Counter()
    before = 0.0
    for number in range(n):
        if number == n // 10:
            before = _memory(pid)
        body, kind = malformed(generator, goods[number % len(goods)])
        statuses[asyncio.run(_once(port, body, kind))] += 1
    after = _memory(pid)
    good = not any(status >= 500 or status == 0 for status in statuses) and after <= before * 1.1
    print(
        f"{n:,} malformed requests: statuses {dict(sorted(statuses.items()))} (target: no 5xx), memory {before:.0f} to "
        f"{after:.0f} MB (target: within 10 %): {'met' if good else 'MISSED'}"
    )
    return not good


def _clients(port: int, bodies: list[bytes], seconds: float, connections: int) -> list[tuple[int, float]]:
    """Return status and seconds of every answer, from connections that send one request after the other."""
    shares = [(port, bodies, seconds, connections // CLIENTS) for _ in range(CLIENTS)]
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        return [one for part in pool.starmap(_client, shares) for one in part]


def _client(port: int, bodies: list[bytes], seconds: float, connections: int) -> list[tuple[int, float]]:
    async def hammer(first: int, until: float, told: list[tuple[int, float]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = first
        while time.perf_counter() < until:
            start = time.perf_counter()
            status = await _ask(reader, writer, port, bodies[number % len(bodies)], "image/jpeg")
            told.append((status, time.perf_counter() - start))
            number += 1
        writer.close()

    async def all_of_them() -> list[tuple[int, float]]:
        told: list[tuple[int, float]] = []
        until = time.perf_counter() + seconds
        await asyncio.gather(*(hammer(first, until, told) for first in range(connections)))
        return told

    return asyncio.run(all_of_them())


async def _once(port: int, body: bytes, kind: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await _ask(reader, writer, port, body, kind)
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, body: bytes, kind: str) -> int:
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n"
    writer.write((head + (f"Content-Type: {kind}\r\n" if kind else "") + "\r\n").encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    await reader.readexactly(length)
    return int(answer.split(b" ", 2)[1])


def _memory(pid: int) -> float:
    """Return the megabytes that a process holds."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in told.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
