"""The commands of docs/serve.md work as they are written there."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.serving.limits import Limits
from evenhand.serving.openapi import described
from handed_over import encoded, pixels

PAGE = (Path(__file__).parents[2] / "docs/serve.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_commands_of_the_page(served: Callable[..., Any], tmp_path: Path) -> None:
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    serve, *asks = block.splitlines()
    assert serve.startswith("evenhand serve mine/model --port 8000")
    (tmp_path / "cat.png").write_bytes(encoded(pixels(1)[0]))
    with served() as server:
        for command in asks:
            here = command.replace(":8000", f":{server.address[1]}")
            done = subprocess.run(
                f"{here} -sS --noproxy '*'", shell=True, cwd=tmp_path, capture_output=True, check=True
            )
            told = json.loads(done.stdout)
            assert told.get("class") in ("cat", "dog", "owl") or told["status"] == "ok", command


def test_every_status_and_path_is_told_of() -> None:
    document = described(("a", "b"), Limits())
    for path in document["paths"]:
        assert f"`{'POST' if path == '/predict' else 'GET'} {path}`" in PAGE
    for status in document["paths"]["/predict"]["post"]["responses"]:
        assert status == "200" or status in re.findall(r"\b[45]\d\d\b", PAGE), status
