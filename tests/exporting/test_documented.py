"""The few lines of docs/export.md that need no evenhand say what evenhand says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evenhand.data.pixels import decode, resize
from evenhand.exporting.onnx_file import to_onnx
from handed_over import encoded, model, pixels

PAGE = Path(__file__).parents[2] / "docs/export.md"


def test_the_documented_lines_agree_with_the_product(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    told: dict[str, Any] = {}
    exec(compile(snippet, str(PAGE), "exec"), told)
    made = model(size=(32, 40), flips=True, classes=("a", "b", "c"))
    (tmp_path / "model.onnx").write_bytes(to_onnx(made, {}))
    session, classes, size = told["load"](str(tmp_path / "model.onnx"))
    image = pixels(1, (70, 51), seed=2)[0]
    turned = Image.Exif()
    turned[0x0112] = 6
    files = {
        "plain.png": encoded(image),
        "right size.bmp": encoded(pixels(1, (32, 40))[0], "BMP"),
        "turned.jpg": encoded(image, "JPEG", exif=turned),
        "grey.png": encoded(image[..., 0]),
        "see-through.png": encoded(np.dstack([image, image[..., 1]])),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        called, shares = told["classify"](session, classes, size, tmp_path / name)
        expected = made.probabilities(resize(decode(content), (32, 40))[None])[0]
        assert called == made.classes[int(expected.argmax())], name
        np.testing.assert_allclose([shares[label] for label in made.classes], expected, atol=1e-5, err_msg=name)
