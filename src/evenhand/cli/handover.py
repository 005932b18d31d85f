"""The commands that take a model out of the house: export, predict, serve."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from evenhand.cli import options, show
from evenhand.cli.console import progress
from evenhand.errors import UsageError, suggest

if TYPE_CHECKING:
    from evenhand.exporting.price import Price
    from evenhand.predicting.predict import Predictions
    from evenhand.predicting.rows import Writer

ModelPath = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A model folder, or a PyTorch file of weights together with --model, --classes and --size.",
        show_default=False,
    ),
]
AnyModel = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A model folder, an exported .onnx file, or a PyTorch file of weights together with --model, --classes "
        "and --size.",
        show_default=False,
    ),
]
Served = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A model folder that was exported, or an .onnx file.", show_default=False),
]
To = Annotated[str, typer.Option("--to", help="The format: onnx.")]
Labelled = Annotated[
    Path | None,
    typer.Option("--data", help="Labelled images that the export is checked on. [default: those of the model's run]"),
]
Target = Annotated[Path | None, typer.Option("--out", help="The file to write. [default: MODEL/model.onnx]")]
Int8 = Annotated[bool, typer.Option("--int8", help="Write the model in 8 bits too, and say what that costs.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Check on at most so many images, evenly spread.")]
Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Files, folders, patterns ('*.jpg'), tables with a column path, .zip files, or - for standard input.",
        show_default=False,
    ),
]
Rows = Annotated[Path | None, typer.Option("--out", help="Write the answers to a file. [default: stdout]")]
Format = Annotated[
    str | None, typer.Option("--format", help="csv or jsonl (JSON lines). [default: as --out ends, else csv]")
]
Explain = Annotated[
    Path | None, typer.Option("--explain", help="Draw into this folder what speaks for each answer, and against it.")
]
ExplainBy = Annotated[str, typer.Option("--explain-by", help="occlusion, or gradients (integrated gradients).")]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="What paths in tables are relative to. [default: the table's folder]"),
]


def export(
    model_path: ModelPath,
    to: To = "onnx",
    data: Labelled = None,
    test: options.Test = None,
    out: Target = None,
    int8: Int8 = False,
    limit: Limit = None,
    model: options.ModelName = None,
    classes: options.Classes = None,
    size: options.Size = None,
    jobs: options.Jobs = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a model as ONNX, if it then says the same from raw files; needs evenhand[export]."""
    if to != "onnx":
        raise UsageError(f"There is no format {to!r}. {suggest(to, ('onnx',))}")
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}.")
    from evenhand.pipeline import handing_over

    request = handing_over.Export(
        model=model_path,
        data=data,
        test=test,
        out=out,
        int8=int8,
        limit=limit,
        network=model,
        classes=options.names(classes),
        size=options.image_size(size),
        jobs=jobs,
    )
    found = handing_over.export(request, progress(quiet=quiet))
    if json:
        show.print_json("export", model=str(request.model), **found.to_json())
        return
    print(found.parity.sentence())
    if found.price:
        _print_price(found.price)
    show.print_places([("ONNX", found.path), *([("In 8 bits", found.int8)] if found.int8 else [])])


def predict(
    model_path: AnyModel,
    paths: Paths,
    out: Rows = None,
    format: Format = None,
    reject_below: options.RejectBelow = None,
    explain: Explain = None,
    explain_by: ExplainBy = "occlusion",
    root: Root = None,
    costs: options.CostFile = None,
    prior: options.PriorOfUse = None,
    model: options.ModelName = None,
    classes: options.Classes = None,
    size: options.Size = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say class and probabilities of every picture, in order, as CSV or JSON lines."""
    from evenhand.predicting.predict import Predict, Predictions, formats_of, opened
    from evenhand.predicting.rows import FORMATS, ObjectWriter, writer_for

    request = Predict(
        model=model_path,
        paths=tuple(paths),
        root=root,
        reject_below=reject_below,
        explain=explain,
        method=explain_by,
        network=model,
        classes=options.names(classes),
        size=options.image_size(size),
        device=options.device_name(device),
        jobs=jobs,
        **options.costs({"costs": costs, "prior": prior}),
    )
    kind, reporter = formats_of(out, format, FORMATS), progress(quiet=quiet)
    asked = opened(request)
    found = Predictions(request, asked, reporter)
    with _output(out) as stream:
        whole = json and out is None
        head = {"model": str(model_path)}
        rows = writer_for(kind, stream, asked.classes, costed=found.costed)
        writer = ObjectWriter(stream, asked.classes, head) if whole else rows
        _write(writer, found)
    if json and out is not None:
        show.print_json("predict", model=str(model_path), out=str(out), **found.summary())
    reporter.note(found.sentence())


def serve(
    model_path: Served,
    host: Annotated[str, typer.Option("--host", help="Where to listen; beyond loopback a token is asked for.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", help="0 takes any free one.")] = 8000,
    max_mb: Annotated[float, typer.Option("--max-mb", help="Megabytes of one request.")] = 20.0,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to send a request, and to answer it.")] = 30.0,
    queue: Annotated[int, typer.Option("--queue", help="Requests at once; more are told to come again (429).")] = 128,
    reject_below: options.RejectBelow = None,
    json: options.Json = False,
) -> None:
    """Answer over HTTP: POST /predict, and a page to drop a picture on; needs evenhand[serve]."""
    from evenhand.serving.limits import MEGABYTE, Limits
    from evenhand.serving.server import Serve
    from evenhand.serving.server import serve as answer

    limits = Limits(
        most_bytes=int(max_mb * MEGABYTE),
        seconds=timeout,
        queue=queue,
        buffered=max(256 * MEGABYTE, int(max_mb * MEGABYTE)),
        reject_below=reject_below,
    )

    def ready(address: str, token: str | None) -> None:
        page = f"{address}?token={token}" if token else address
        if json:
            show.print_json("serve", model=str(model_path), url=address, page=page, token=token)
        else:
            print(f"Serving {model_path}: {page}")
            print(
                f"Send pictures to {address}predict; {address}openapi.json says how. Ctrl-C ends it.", file=sys.stderr
            )
        sys.stdout.flush()

    answer(Serve(model_path, host, port, limits), ready)


def _write(writer: Writer, found: Predictions) -> None:
    """Write all answers as they come."""
    answers = found.answers()
    # The first answer is waited for: where there are no pictures, nothing is written either.
    first = next(answers)
    writer.begin()
    writer.write(first)
    for answer in answers:
        writer.write(answer)
    writer.end(found.summary())


def _print_price(price: Price) -> None:
    """Print what 8 bits cost, class by class."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("class", "recall", "in 8 bits", "difference", "95 % interval", "images")
    for row in price.per_class:
        change = row.difference
        table.add_row(
            escape(row.name),
            f"{row.before.value:.3f}",
            f"{row.after.value:.3f}",
            f"{change.value:+.3f}",
            f"{change.low:+.3f} to {change.high:+.3f}",
            str(row.support),
        )
    console = Console(highlight=False)
    console.print(table)
    for line in price.sentences():
        console.print(line, markup=False, soft_wrap=True)


@contextlib.contextmanager
def _output(out: Path | None) -> Iterator[TextIO]:
    """Give the stream that answers go to; a file appears under its name only when it is complete.

    Raises
    ------
    EvenhandError
        When the file cannot be written.
    """
    if out is None:
        yield sys.stdout
        return
    from evenhand.disk import unwritable

    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
