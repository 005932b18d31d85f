"""Archives and Parquet files that tests of readers pack, and what they read from them."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from evenhand.data.readers.source import Source
from evenhand.data.readers.tape import read_tar


def packed(folder: Path, members: Any, name: str = "data.tar") -> Path:
    """Write an archive of (name or TarInfo, content) pairs; a name alone has itself as content."""
    path = folder / name
    with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as file:
        for member in members:
            key, content = member if isinstance(member, tuple) else (member, member)
            info = key if isinstance(key, tarfile.TarInfo) else tarfile.TarInfo(key)
            content = content.encode() if isinstance(content, str) else content
            if info.isreg():
                info.size = len(content)
            file.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def read_packed(folder: Path, *members: Any, name: str = "data.tar") -> Source:
    return read_tar(packed(folder, members, name), folder / "scratch")


def findings(source: Source) -> list[tuple[str, str]]:
    return [(finding.path, finding.kind) for finding in source.findings]


def png(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), number, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NAMES = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}


def hub(folder: Path, images: list[Any], labels: list[Any], name: str = "data.parquet", **columns: Any) -> Path:
    """Write a file as the Hugging Face hub lays it out."""
    table = pa.table({"image": pa.array(images, STRUCT), "label": pa.array(labels, pa.int64()), **columns})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(NAMES)}), folder / name)
    return folder / name
