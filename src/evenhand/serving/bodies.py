"""The picture in a request: a raw body, or the one file of a form."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser

from evenhand.serving.refusals import Refusal

FORM = "multipart/form-data"
_RAW = ("image/", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded")
"""The last is what curl calls every body."""
_MOST_HEAD = 2**14
_MOST_PARTS = 64


def picture_of(body: bytes, content_type: str) -> bytes:
    """Return the bytes of the picture that a request carries.

    Parameters
    ----------
    body : bytes
        All of it.
    content_type : str
        The header; a form (`FORM`) with one file in it, ``image/...``, ``application/octet-stream``, or empty.

    Raises
    ------
    Refusal
        400 where the form is malformed or holds not one file, 415 for other types.
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind == FORM:
        return _only_file(body, _boundary(content_type))
    if kind and not kind.startswith(_RAW):
        raise Refusal(
            415, f"{kind[:80]!r} is not taken. Send the picture as the body, or as a file in a form ({FORM})."
        )
    if not body:
        raise Refusal(400, "The request is empty. Send a picture as its body, or as a file in a form.")
    return body


def _boundary(content_type: str) -> bytes:
    head = Message()
    head["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    try:
        found = head.get_boundary()
        boundary = (found or "").encode("ascii")
    except (ValueError, TypeError, LookupError) as error:  # what the parser makes of hostile headers
        raise Refusal(400, "The form's boundary cannot be read.") from error
    if not 1 <= len(boundary) <= 70:
        raise Refusal(400, "The form has no boundary of 1 to 70 letters in its content type.")
    return boundary


def _only_file(body: bytes, boundary: bytes) -> bytes:
    """Return the content of the one file in a form (RFC 7578)."""
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, _MOST_PARTS + 1)
    if len(parts) < 3 or not parts[-1].startswith(b"--"):
        raise Refusal(400, "The form is malformed or cut off: its closing boundary is missing.")
    files = [content for head, content in map(_split, parts[1:-1]) if _is_file(head)]
    if len(files) != 1:
        raise Refusal(400, f"The form holds {len(files)} files; send one picture a request.")
    if not files[0]:
        raise Refusal(400, "The file in the form is empty.")
    return files[0]


def _split(part: bytes) -> tuple[Message, bytes]:
    """Return head and content of one part, which begins behind its boundary."""
    padding, line, rest = part.partition(b"\r\n")
    if not line or padding.strip(b" \t"):
        raise Refusal(400, "The form is malformed: a boundary does not end its line.")
    head, blank, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not blank or len(head) > _MOST_HEAD:
        raise Refusal(400, "The form is malformed: a part has no end to its headers.")
    return BytesHeaderParser().parsebytes(head.lstrip(b"\r\n") + b"\r\n\r\n"), content


def _is_file(head: Message) -> bool:
    try:
        return head.get_content_disposition() == "form-data" and (
            head.get_filename() is not None or head.get_param("name", header="content-disposition") == "file"
        )
    except (ValueError, TypeError, LookupError, AttributeError):  # what the parser makes of hostile headers
        return False
