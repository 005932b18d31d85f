import csv
import io
import json

import numpy as np
import pytest

from evenhand.predicting.rows import Answer, CsvWriter, LineWriter, ObjectWriter, Writer, writer_for

CLASSES = ("a,b", "قطط")
ANSWERS = (
    Answer("x/1.png", "قطط", np.array([0.25, 0.75], dtype=np.float32)),
    Answer('odd "name",\r2.png', "a,b", np.array([1.0, 0.0], dtype=np.float32), explanation="why/000002.png"),
    Answer("3.png", error="empty: the file is empty"),
    Answer("4.png", "", np.array([0.5, 0.5], dtype=np.float32), rejected=True),
)


def written(writer: Writer, stream: io.StringIO) -> str:
    writer.begin()
    for answer in ANSWERS:
        writer.write(answer)
    writer.end({"n": 4})
    return stream.getvalue()


def test_a_table_can_be_read_again() -> None:
    stream = io.StringIO()
    rows = list(csv.DictReader(io.StringIO(written(writer_for("csv", stream, CLASSES), stream), newline="")))
    assert [row["path"] for row in rows] == [answer.path for answer in ANSWERS]
    assert [row["class"] for row in rows] == ["قطط", "a,b", "", ""]
    assert [row["p_قطط"] for row in rows] == ["0.750000", "0.000000", "", "0.500000"]
    assert [row["probability"] for row in rows] == ["0.750000", "1.000000", "", "0.500000"]
    assert [row["rejected"] for row in rows] == ["false", "false", "false", "true"]
    assert rows[2]["error"] == "empty: the file is empty"
    assert rows[1]["explanation"] == "why/000002.png"


def test_every_line_is_an_object() -> None:
    stream = io.StringIO()
    lines = written(writer_for("jsonl", stream, CLASSES), stream).splitlines()
    found = [json.loads(line) for line in lines]
    assert found[0] == {
        "path": "x/1.png",
        "class": "قطط",
        "probability": 0.75,
        "rejected": False,
        "explanation": None,
        "error": None,
        "probabilities": {"a,b": 0.25, "قطط": 0.75},
    }
    assert (found[2]["class"], found[2]["probabilities"]) == (None, None)
    assert (found[3]["class"], found[3]["rejected"], found[3]["probability"]) == (None, True, 0.5)


def test_the_one_object_holds_the_same_answers() -> None:
    stream, lines = io.StringIO(), io.StringIO()
    text = written(ObjectWriter(stream, CLASSES, {"model": "m"}), stream)
    assert text.count("\n") == 1
    told = json.loads(text)
    assert (told["schema_version"], told["command"], told["model"], told["n"]) == (1, "predict", "m", 4)
    assert told["classes"] == list(CLASSES)
    each = [json.loads(line) for line in written(LineWriter(lines, CLASSES), lines).splitlines()]
    assert told["predictions"] == each


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_letters_that_a_stream_cannot_hold_are_escaped(encoding: str) -> None:
    binary = io.BytesIO()
    stream = io.TextIOWrapper(binary, encoding=encoding)
    LineWriter(stream, CLASSES).write(ANSWERS[0])
    stream.flush()
    line = binary.getvalue().decode(encoding)
    assert ("قطط" in line) == (encoding == "utf-8")
    assert json.loads(line)["class"] == "قطط"


def test_a_table_that_is_read_half_way_is_whole_up_to_there() -> None:
    stream = io.StringIO()
    writer = CsvWriter(stream, CLASSES)
    writer.begin()
    writer.write(ANSWERS[0])
    assert stream.getvalue().endswith("0.750000\n")


def test_what_an_answer_is_expected_to_cost_is_a_column_of_its_own_where_costs_are_stated() -> None:
    stream = io.StringIO()
    costly = Answer("1.png", "a,b", np.array([0.25, 0.75], dtype=np.float32), expected_cost=0.125)
    writer = writer_for("csv", stream, CLASSES, costed=True)
    writer.begin()
    writer.write(costly)
    writer.write(Answer("2.png", error="empty"))
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert list(rows[0])[-1] == "expected_cost"
    assert [row["expected_cost"] for row in rows] == ["0.125", ""]
    lines = io.StringIO()
    writer_for("jsonl", lines, CLASSES, costed=True).write(costly)
    assert json.loads(lines.getvalue())["expected_cost"] == 0.125
