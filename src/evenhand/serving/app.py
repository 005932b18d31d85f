"""The application: predict, health, metrics, the description of all this, and a page to drop a picture on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

import evenhand
from evenhand.data.locations import UndecodableError
from evenhand.data.pixels import decode, resize
from evenhand.exporting.onnx_model import OnnxModel
from evenhand.records.values import Floats, Pixels
from evenhand.serving.access import KNOWN
from evenhand.serving.batcher import Batcher
from evenhand.serving.bodies import picture_of
from evenhand.serving.limits import Limits
from evenhand.serving.metrics import Metrics
from evenhand.serving.openapi import described
from evenhand.serving.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STATIC = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
AGAIN = 1
"""Seconds after which to try once more when too much was going on."""


class Service:
    """A model, what it is allowed to take on, and what it counts.

    Parameters
    ----------
    model : OnnxModel
    limits : Limits
    threads : int
        Pictures that are decoded at once.
    """

    def __init__(self, model: OnnxModel, limits: Limits, threads: int = 2) -> None:
        self.model, self.limits = model, limits
        self.metrics = Metrics(model.classes)
        self._batcher = Batcher(model, self.metrics.batch.add)
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def answer(self, request: Request) -> dict[str, Any]:
        """Return what the model says of the picture in a request.

        Raises
        ------
        Refusal
            When the request is malformed, too large, too slow, no picture, or one too many.
        """
        with self._admitted():
            start = time.perf_counter()
            with self._counted() as count:
                try:
                    async with asyncio.timeout(self.limits.seconds):
                        body = await self._read(request, count)
                except TimeoutError as error:
                    raise Refusal(408, f"The request was not complete after {self.limits.seconds:g} s.") from error
                image = picture_of(body, request.headers.get("content-type", ""))
                try:
                    async with asyncio.timeout(self.limits.seconds):
                        pixels = await self._pixels(image)
                        row = await self._batcher.ask(pixels)
                except TimeoutError as error:
                    raise Refusal(503, "There was too much to do. Try again later.", again=AGAIN) from error
            self.metrics.seconds.add(time.perf_counter() - start)
            return self._told(row)

    def close(self) -> None:
        """Let go of the threads."""
        self._batcher.close()
        self._decoders.shutdown(cancel_futures=True)

    def _told(self, row: Floats) -> dict[str, Any]:
        best = int(row.argmax())
        below = self.limits.reject_below
        rejected = below is not None and bool(row[best] < np.float32(below))
        if rejected:
            self.metrics.rejected += 1
        else:
            self.metrics.answers[self.model.classes[best]] += 1
        values = [round(value, 6) for value in row.tolist()]
        return {
            "class": None if rejected else self.model.classes[best],
            "probability": values[best],
            "rejected": rejected,
            "probabilities": dict(zip(self.model.classes, values, strict=True)),
        }

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self.metrics.in_flight >= self.limits.queue:
            raise Refusal(429, f"{self.limits.queue} requests are in work. Try again later.", again=AGAIN)
        self.metrics.in_flight += 1
        try:
            yield
        finally:
            self.metrics.in_flight -= 1

    @contextmanager
    def _counted(self) -> Iterator[Callable[[int], None]]:
        """Give a function that counts bytes as they come; all of them are let go at the end."""
        held = 0

        def count(length: int) -> None:
            nonlocal held
            held += length
            self.metrics.buffered += length
            if self.metrics.buffered > self.limits.buffered:
                raise Refusal(429, "Too many large pictures are in work. Try again later.", again=AGAIN)

        try:
            yield count
        finally:
            self.metrics.buffered -= held

    async def _read(self, request: Request, count: Callable[[int], None]) -> bytes:
        most = self.limits.most_bytes
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise _too_large(most)
        pieces, length = [], 0
        async for piece in request.stream():
            length += len(piece)
            if length > most:
                raise _too_large(most)
            count(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    async def _pixels(self, image: bytes) -> Pixels:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._decoders, _decoded, image, self.model.size)
        except UndecodableError as error:
            status = 413 if error.kind == "oversized" else 422
            raise Refusal(status, f"No picture that can be read ({error.kind}): {error.detail}.") from error


def application(service: Service) -> Any:
    """Return the ASGI application of a service, not guarded yet."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    async def predict(request: Request) -> Response:
        try:
            return JSONResponse(await service.answer(request))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it

    async def health(request: Request) -> Response:
        told: dict[str, Any] = {"status": "ok"}
        if request.scope.get(KNOWN, True):
            told |= {"evenhand": evenhand.__version__, "classes": list(service.model.classes)}
            told |= {"size": list(service.model.size), "most_bytes": service.limits.most_bytes}
        return JSONResponse(told)

    async def metrics(request: Request) -> Response:
        del request
        return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4")

    async def openapi(request: Request) -> Response:
        del request
        return JSONResponse(described(service.model.classes, service.limits))

    async def static(request: Request) -> Response:
        name, kind = STATIC[request.url.path]
        return Response(_file(name), media_type=kind)

    async def nothing(request: Request) -> Response:
        del request
        return Response(status_code=204)

    async def refused(request: Request, error: Exception) -> Response:
        del request
        assert isinstance(error, Refusal)  # noqa: S101 - it is registered for these alone
        return JSONResponse({"error": error.detail}, status_code=error.status, headers=error.headers)

    async def wrong(request: Request, error: Exception) -> Response:
        del request
        assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these alone
        return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
        Route("/favicon.ico", nothing),
        *(Route(path, static) for path in STATIC),
    ]
    app = Starlette(routes=routes, exception_handlers={Refusal: refused, HTTPException: wrong})
    return _counting(app, service.metrics, {route.path for route in routes})


def _counting(app: Any, metrics: Metrics, paths: set[str]) -> Any:
    """Return an application that counts the answers of another one by path and status."""

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")

        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                metrics.requests[path if path in paths else "other", message["status"]] += 1
            await send(message)

        await app(scope, receive, watched)

    return counted


def _decoded(image: bytes, size: tuple[int, int]) -> Pixels:
    return resize(decode(image), size)


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"The request is larger than {most / 2**20:.3g} MB. Send a smaller picture.")


@cache
def _file(name: str) -> bytes:
    return (resources.files("evenhand.serving") / "static" / name).read_bytes()
