"""The description of the server that other programs read: OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import evenhand
from evenhand.serving.limits import Limits

_ERROR = {"$ref": "#/components/schemas/Error"}


def described(classes: Sequence[str], limits: Limits) -> dict[str, Any]:
    """Return the OpenAPI document of a server of a model.

    Parameters
    ----------
    classes : sequence of str
        Of the model.
    limits : Limits
        Of the server.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "evenhand serve",
            "version": evenhand.__version__,
            "description": f"Tells which of {len(classes)} classes a picture shows.",
        },
        "paths": {
            "/predict": {"post": _predict(limits)},
            "/health": {"get": _plain("health", "Whether the server lives; needs no token.", "application/json")},
            "/metrics": {"get": _plain("metrics", "Counters in Prometheus' text format.", "text/plain")},
            "/openapi.json": {"get": _plain("openapi", "This document.", "application/json")},
            "/": {"get": _plain("page", "A page to drop a picture on.", "text/html")},
        },
        "security": [{}, {"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Answer": _answer(classes), "Error": _error()},
        },
    }


def _predict(limits: Limits) -> dict[str, Any]:
    picture = {"type": "string", "format": "binary", "maxLength": limits.most_bytes}
    form = {"type": "object", "required": ["file"], "properties": {"file": picture}}
    return {
        "operationId": "predict",
        "summary": "Say what a picture shows.",
        "requestBody": {
            "required": True,
            "description": "PNG, JPEG, BMP, GIF, TIFF, WebP or PNM, as the body or as the one file of a form.",
            "content": {
                "multipart/form-data": {"schema": form},
                "application/octet-stream": {"schema": picture},
                "image/*": {"schema": picture},
            },
        },
        "responses": {
            "200": _response("The answer.", {"$ref": "#/components/schemas/Answer"}),
            "400": _response("The request is empty or malformed.", _ERROR),
            "401": _response("The token is missing or wrong.", _ERROR),
            "403": _response("The request came under a name that is not this machine's.", _ERROR),
            "408": _response(f"The request was not complete after {limits.seconds:g} s.", _ERROR),
            "413": _response(f"More than {limits.most_bytes} bytes, or too many pixels.", _ERROR),
            "415": _response("A content type that is not taken.", _ERROR),
            "422": _response("No picture that can be read.", _ERROR),
            "429": _response(f"More than {limits.queue} requests at once; retry-after says when to try again.", _ERROR),
            "503": _response(f"No answer after {limits.seconds:g} s; retry-after says when to try again.", _ERROR),
        },
    }


def _plain(name: str, words: str, kind: str) -> dict[str, Any]:
    return {"operationId": name, "summary": words, "responses": {"200": {"description": words, "content": {kind: {}}}}}


def _response(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _answer(classes: Sequence[str]) -> dict[str, Any]:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "required": ["class", "probability", "rejected", "probabilities"],
        "additionalProperties": False,
        "properties": {
            "class": {"enum": [*classes, None], "description": "null where the answer was not sure enough"},
            "probability": share | {"description": "the largest"},
            "rejected": {"type": "boolean"},
            "probabilities": {
                "type": "object",
                "required": list(classes),
                "additionalProperties": False,
                "properties": dict.fromkeys(classes, share),
            },
        },
    }


def _error() -> dict[str, Any]:
    return {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
