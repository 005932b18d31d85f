"""Whatever bytes come: the picture inside, or a refusal with a 4xx, and never anything else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evenhand.serving.bodies import picture_of
from evenhand.serving.refusals import Refusal

HEAD = b'Content-Disposition: form-data; name="file"; filename="x.png"\r\n'
TYPE = "multipart/form-data; boundary=XyZ"


def part(content: bytes, head: bytes = HEAD) -> bytes:
    return b"--XyZ\r\n" + head + b"\r\n" + content + b"\r\n"


def outcome(body: bytes, kind: str) -> tuple[int, bytes | str]:
    try:
        return 200, picture_of(body, kind)
    except Refusal as refusal:
        return refusal.status, refusal.detail


@given(st.binary(min_size=1).filter(lambda content: b"--XyZ" not in content))
@example(b"\r\n\r\n")
@example(b"\r\n--Xy")
def test_the_file_in_a_form_comes_out_as_it_went_in(content: bytes) -> None:
    assert picture_of(part(content) + b"--XyZ--\r\n", TYPE) == content
    fields = part(b"1", b'Content-Disposition: form-data; name="n"\r\n') + part(content)
    assert picture_of(b"preamble\r\n" + fields + b"--XyZ--", TYPE + "; charset=utf-8") == content
    assert picture_of(part(content) + b"--XyZ--\r\n", 'multipart/form-data; boundary="XyZ"') == content


@given(st.binary(), st.text())
@example(part(b"x") + b"--XyZ--", TYPE + "\r\nx: y")
@example(b"", "multipart/form-data; boundary*=utf-8''%ff")
def test_any_bytes_give_a_picture_or_a_4xx(body: bytes, kind: str) -> None:
    status, told = outcome(body, kind)
    assert status in (200, 400, 415)
    assert told


@given(st.lists(st.sampled_from([b"--XyZ", b"--", b"\r\n", HEAD, b"\r\n\r\n", b"x", b": ", b'"', b"\xff", b"=?u?q?="])))
def test_any_pieces_of_a_form_give_a_picture_or_a_4xx(pieces: list[bytes]) -> None:
    assert outcome(b"".join(pieces), TYPE)[0] in (200, 400)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (part(b"a") + part(b"b") + b"--XyZ--", "holds 2 files"),
        (part(b"a", b'Content-Disposition: form-data; name="n"\r\n') + b"--XyZ--", "holds 0 files"),
        (part(b"a"), "closing boundary"),
        (b"--XyZ\r\nno headers", "closing boundary"),
        (part(b"a", b"x: " + b"y" * 20_000 + b"\r\n") + b"--XyZ--", "no end to its headers"),
        (part(b"a") * 70 + b"--XyZ--", "closing boundary"),
    ],
)
def test_other_forms_are_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        picture_of(body, TYPE)
