"""The report as one file: whole, self-contained, within its budget, the same bytes for the same run."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from evenhand.errors import EvenhandError
from evenhand.records.audit import Duplicate, Finding, OddImage
from evenhand.reporting.content import ReportData
from evenhand.reporting.report import LIMIT, render, write_report

HOSTILE = "<script>alert('x')</script>"
CLASSES = ("سيارات", "貓", "बिल्ली", "חתולים רגועים", HOSTILE)


def whole(made_up: ModuleType) -> ReportData:
    return made_up.report_data()  # type: ignore[no-any-return]


def many_scripts(made_up: ModuleType) -> ReportData:
    return made_up.report_data(CLASSES, (90, 40, 30, 30, 20), (20, 20, 10, 10, 10))  # type: ignore[no-any-return]


def corrected(made_up: ModuleType) -> ReportData:
    data = made_up.report_data()
    return replace(data, test=replace(data.test, corrected=data.test.evaluation))  # type: ignore[no-any-return]


def unchecked(made_up: ModuleType) -> ReportData:
    audit = made_up.audit(made_up.manifest(made_up.CLASSES, (420, 60, 30), (50, 30, 20)), None)
    return made_up.report_data(audit=replace(audit, findings=(), duplicates=()))  # type: ignore[no-any-return]


def no_suspects(made_up: ModuleType) -> ReportData:
    data = made_up.report_data()
    calm = tuple(replace(issue, flagged=False) for issue in data.audit.issues)
    return replace(data, audit=replace(data.audit, issues=calm, pairs=()))  # type: ignore[no-any-return]


def diverged(made_up: ModuleType) -> ReportData:
    data = made_up.report_data()
    empty = tuple(replace(row, curve=replace(row.curve, step_loss=(), epoch_loss=())) for row in data.results)
    return replace(data, results=empty)  # type: ignore[no-any-return]


def alike_and_odd(made_up: ModuleType) -> ReportData:
    data = made_up.report_data()
    listing = data.dataset.manifest
    near = tuple(
        Duplicate(9, listing.paths[row], str(listing.split[row]), "Cars", False, row == 5, "near") for row in (5, 520)
    )
    odd = tuple(OddImage(listing.paths[row], "train", reason, 2.0) for row, reason in ((7, "blank"), (8, "blurred")))
    return replace(data, audit=replace(data.audit, duplicates=(*data.audit.duplicates, *near), odd=odd))  # type: ignore[no-any-return]


KINDS: dict[str, Callable[[ModuleType], ReportData]] = {
    "whole": whole,
    "near-duplicates and odd images": alike_and_odd,
    "expected on true labels": lambda made_up: made_up.with_expected(made_up.report_data()),
    "audit alone": lambda made_up: made_up.audit_only(),
    "many scripts": many_scripts,
    "corrected labels": corrected,
    "edits and repairs": lambda made_up: made_up.edited(),
    "labels not checked": unchecked,
    "no suspects": no_suspects,
    "diverged": diverged,
    "no test set": lambda made_up: made_up.report_data(test=(0, 0, 0)),
    "one class in the test set": lambda made_up: made_up.report_data(test=(9, 0, 0)),
    "two classes, one candidate": lambda made_up: made_up.report_data(
        ("a", "b"), (40, 9), (5, 5), remedies=(("none", "none", 0.8),), folds=0
    ),
    "two hundred classes": lambda made_up: made_up.report_data(
        [f"class {n}" for n in range(200)], [12] * 200, [2] * 200, side=(8, 8), remedies=made_up.REMEDIES[:2]
    ),
    "very long names": lambda made_up: made_up.report_data(
        ("w" * 5000, "two words " * 300), (40, 9), (5, 5), title="t" * 5000
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def page(request: pytest.FixtureRequest, made_up: ModuleType) -> bytes:
    return render(KINDS[request.param](made_up))


def test_every_element_is_closed_every_id_is_its_own_and_every_link_leads_somewhere(
    page: bytes, made_up: ModuleType
) -> None:
    root = made_up.read_page(page)
    ids = Counter(node.attributes["id"] for node in root if "id" in node.attributes)
    assert [name for name, times in ids.items() if times > 1] == []
    for link in root.all("a"):
        assert link.attributes["href"].removeprefix("#") in ids, link.attributes["href"]
    for node in root:
        for name in node.attributes.get("aria-labelledby", "").split():
            assert name in ids


def test_headings_step_down_one_at_a_time(page: bytes, made_up: ModuleType) -> None:
    levels = [int(node.tag[1]) for node in made_up.read_page(page) if re.fullmatch(r"h[1-6]", node.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_nothing_is_loaded_from_anywhere(page: bytes, made_up: ModuleType) -> None:
    root = made_up.read_page(page)
    for node in root:
        assert node.tag not in ("img", "iframe", "object", "embed", "base", "form", "video", "audio")
        assert not {"src", "srcset", "action", "xlink:href", "data", "poster"} & node.attributes.keys()
        if "href" in node.attributes:
            assert node.attributes["href"].startswith("#") or node.attributes["href"] == "data:,"
        assert not any(name.startswith("on") for name in node.attributes)
    styles = " ".join(words for style in root.all("style") for words in style.words)
    assert "@import" not in styles
    assert set(re.findall(r"url\(([^)]{0,16})", styles)) <= {"data:image/webp;"}
    assert re.findall(rb"(?i)https?:|ws:|file:", page) == []
    policy = root.all("meta", **{"http-equiv": "Content-Security-Policy"})[0].attributes["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_every_chart_is_described_and_stands_beside_its_table(page: bytes, made_up: ModuleType) -> None:
    drawings = [node for node in made_up.read_page(page).all("svg") if not node.inside("svg")]
    assert drawings
    for drawing in drawings:
        spoken = drawing.attributes.get("aria-label")
        assert spoken or drawing.attributes.get("aria-hidden") == "true"
        assert not spoken or drawing.attributes.get("role") == "img"
        around = drawing.inside("table", "figure")
        assert around is not None
        assert around.tag == "table" or around.all("table")
        if drawing.attributes["class"] == "curve":
            assert len(around.all("tbody")[0].all("tr")) >= 1


def test_every_picture_and_every_region_has_words(page: bytes, made_up: ModuleType) -> None:
    root = made_up.read_page(page)
    for node in root:
        if node.attributes.get("role") in ("img", "region"):
            assert node.attributes["aria-label"].strip()
    assert all("role" in picture.attributes for picture in root.of_class("pic"))
    for table in root.all("table"):
        assert table.all("th"), "a table without headings"
    for button in root.all("button"):
        assert button.text or button.attributes.get("aria-label")


def test_nothing_is_undefined_or_not_a_number(page: bytes, made_up: ModuleType) -> None:
    root = made_up.read_page(page)
    for word in ("nan", "inf", "None", "Undefined", "Markup("):
        assert not re.search(rf"\b{re.escape(word)}\b", root.text), word
    for node in root:
        for name, value in node.attributes.items():
            assert name == "aria-label" or not re.search(r"\b(nan|inf)\b", value)


def test_every_term_is_explained_once(page: bytes, made_up: ModuleType) -> None:
    told = Counter(node.text for node in made_up.read_page(page).all("dfn"))
    assert told.most_common(1)[0][1] == 1 if told else True


def test_a_whole_run_tells_everything_it_should(made_up: ModuleType) -> None:
    data = made_up.report_data()
    root = made_up.read_page(render(data))
    assert [node.attributes["id"] for node in root.all("section")] == [
        "verdict",
        "data",
        "labels",
        "worth",
        "comparison",
        "model",
        "choice",
        "again",
    ]
    assert len(root.all("details", **{"class": "row"})) == len(data.results)
    text = root.text
    for said in (
        "About one in 12 training labels is wrong",
        "42 images carry a label that is more likely wrong than right",
        "audit/label_issues.csv",
        "How to do it again",
        data.reproduce.command,
        "Balanced accuracy",
        "Calibration error",
        "Weighted average",
        "All images have 32x32 pixels",
    ):
        assert said in text
    (opened,) = [node for node in root.all("details", **{"class": "row"}) if "open" in node.attributes]
    assert "chosen" in opened.text


def test_what_is_expected_on_the_true_labels_stands_beside_the_figure_on_the_given_ones(made_up: ModuleType) -> None:
    root = made_up.read_page(render(made_up.with_expected(made_up.report_data())))
    (board,) = root.all("table", id="leaderboard")
    heads = [head.text for head in board.all("thead")[0].all("th")]
    assert heads[1:4] == ["Expected balanced accuracy", "95 % interval", "On given labels"]
    rows = [[float(cell.attributes.get("data-value", "nan")) for cell in row.all("td")] for row in board.all("tr")[1:]]
    assert all(row[0] == pytest.approx(min(1, row[2] + 0.05)) for row in rows)
    assert "Expected balanced accuracy" in [node.text for node in root.all("dfn")]


def test_the_pictures_of_a_cell_are_those_of_the_matrix(made_up: ModuleType) -> None:
    data = made_up.report_data()
    root = made_up.read_page(render(data))
    (script,) = root.all("script", id="pictures")
    known = json.loads(script.words[0])
    for figure in root.of_class("confusion"):
        cells = known["cells"][figure.attributes["data-view"]]
        buttons = {node.attributes["data-cell"]: int(node.text) for node in figure.all("button")}
        assert buttons.keys() == cells.keys()
        assert all(0 < len(found) <= buttons[key] for key, found in cells.items())
        shown = [picture for found in cells.values() for picture in found]
        assert all(0 <= place < len(known["paths"]) and 0 <= sure <= 100 for place, sure in shown)
    place, _ = known["cells"]["final"]["0,0"][0]
    assert known["paths"][place].startswith("test/Cars/")


def test_names_that_look_like_markup_stay_names(made_up: ModuleType) -> None:
    data = many_scripts(made_up)
    audit = replace(data.audit, notes=(f"Too few images to judge the labels of: {HOSTILE}, סוס.",))
    audit = replace(audit, findings=(Finding(f"{HOSTILE}.png", "empty", HOSTILE), *audit.findings))
    data = replace(data, audit=audit, title=HOSTILE, reproduce=replace(data.reproduce, command=f"evenhand {HOSTILE}"))
    page = render(data)
    assert page.count(b"<script") == 3
    assert page.count(b"</script") == 3
    assert b"alert('x')</" not in page
    root = made_up.read_page(page)
    assert HOSTILE in root.text
    (script,) = root.all("script", id="pictures")
    assert json.loads(script.words[0])["classes"] == list(CLASSES)


def test_class_names_in_any_script_are_isolated_wherever_they_stand(made_up: ModuleType) -> None:
    root = made_up.read_page(render(many_scripts(made_up)))
    for node in root:
        if node.tag in ("script", "style", "title", "code"):
            continue
        for label in CLASSES[:4]:
            assert label not in " ".join(node.words) or node.tag == "bdi", f"{label} in <{node.tag}>"


def test_file_names_that_are_not_text_do_not_stop_the_report(made_up: ModuleType) -> None:
    data = made_up.report_data()
    broken = Finding("train/\udce9\x07.png", "empty", "the file is empty")
    command = replace(data.reproduce, command="evenhand run \udce9")
    page = render(replace(data, audit=replace(data.audit, findings=(broken,)), reproduce=command))
    assert "train/\ufffd\ufffd.png" in page.decode()


def test_more_than_ten_files_are_folded_away_and_very_many_are_left_to_the_table(made_up: ModuleType) -> None:
    data = made_up.audit_only()
    files = tuple(Finding(f"{number}.png", "empty", "the file is empty") for number in range(900))
    few, many = (render(replace(data, audit=replace(data.audit, findings=files[:most]))) for most in (12, 900))
    folded = made_up.read_page(few).all("details", **{"class": "small"})[0]
    assert folded.text.startswith("The other two")
    assert len(made_up.read_page(many).all("details", **{"class": "small"})[0].all("tr")) == 191
    assert b"audit/unreadable.csv" in many


def test_the_same_run_gives_the_same_bytes(made_up: ModuleType, tmp_path: Path) -> None:
    place = write_report(made_up.report_data(), tmp_path / "report.html")
    assert place.read_bytes() == render(made_up.report_data())
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def noisy(made_up: ModuleType, side: tuple[int, int]) -> ReportData:
    """Return a run of many candidates on pictures that hardly compress, each candidate wrong about others."""
    remedies = [(f"class-weights:gamma={n / 20}", "none", 0.3 + n / 50) for n in range(12)]
    data = made_up.report_data([f"c{n}" for n in range(8)], [60] * 8, [10] * 8, remedies=remedies)
    noise = np.random.default_rng(0).integers(0, 256, (len(data.dataset.manifest), *side, 3), dtype=np.uint8)
    return replace(data, dataset=replace(data.dataset, pixels=noise))  # type: ignore[no-any-return]


def test_large_pictures_and_many_candidates_fit_the_budget(made_up: ModuleType) -> None:
    assert 1_000_000 < len(render(noisy(made_up, (224, 224)))) <= LIMIT


@pytest.mark.parametrize("limit", [1_500_000, 1_000_000, 700_000])
def test_pictures_are_left_out_until_the_page_fits(made_up: ModuleType, limit: int) -> None:
    page = render(noisy(made_up, (32, 32)), limit)
    assert len(page) <= limit
    root = made_up.read_page(page)
    assert len(root.of_class("confusion")) == 13


def test_a_page_that_cannot_fit_even_without_pictures_says_so(made_up: ModuleType) -> None:
    with pytest.raises(EvenhandError, match="does not fit 10,000 bytes even without pictures: 3 classes and 4"):
        render(made_up.report_data(), 10_000)


def test_near_duplicates_stand_side_by_side_and_odd_images_in_a_gallery(made_up: ModuleType) -> None:
    page = made_up.read_page(render(alike_and_odd(made_up)))
    twins = [node for node in page.of_class("looks") if len(node.of_class("pic")) == 2]
    assert [node.parent.text.startswith("nearly equal also among test images") for node in twins] == [True]
    assert "Two groups of images with exactly the same pixels, and one more that is nearly equal" in page.text
    assert "Two images are unlike the others: 1 blank and 1 blurred." in page.text
    assert [
        node.attributes["aria-label"] for node in page.of_class("pic") if "Odd" in node.attributes["aria-label"]
    ] == [
        "Odd picture: blank",
        "Odd picture: blurred",
    ]


def test_what_leaks_are_worth_stands_with_the_copies(made_up: ModuleType) -> None:
    root = made_up.read_page(render(made_up.report_data()))
    part = next(node for node in root.all("section") if node.attributes.get("id") == "data")
    assert "An image leaks when a model is judged on it and was trained on a copy of it" in part.text
    assert "Trained with them, as the data are split, the network simple would be credited" in part.text
    tables = [node for node in part.of_class("scroll") if "leaks are worth" in node.attributes["aria-label"]]
    assert [len(table.all("tr")) for table in tables] == [1 + 4, 1 + 3]
    assert "The 12 that leak accuracy 96.0 % 60.0 % +36.0 +34.0 to +38.0" in tables[0].text
    assert "What leaks are worth" not in made_up.read_page(render(made_up.audit_only())).text
