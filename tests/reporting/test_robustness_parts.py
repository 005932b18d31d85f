from dataclasses import replace
from pathlib import Path

import pytest

import attacked_run
from evenhand.attacks.assault import Assault
from evenhand.reporting import robustness_parts as parts
from evenhand.reporting.robustness import Attacked, read_attacks


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Attacked]:
    return list(read_attacks(attacked_run.attack(tmp_path_factory.mktemp("attacked"))))


def named(found: list[Attacked], name: str, **words: object) -> Attacked:
    return next(
        one
        for one in found
        if one.told["attack"] == name and all(one.told["settings"][key] == value for key, value in words.items())
    )


def test_the_matrix_is_that_of_attacks_at_every_class(found: list[Attacked]) -> None:
    attacks = [one for one in found if not one.corruptions]
    matrix = parts.matrix(attacks)
    assert matrix
    assert matrix.aimed
    assert matrix.classes == attacked_run.CLASSES
    table = {(row["source"], row["target"]): row for row in named(found, "pgd", target="all").told["matrix"]}
    for source, row in zip(matrix.classes, matrix.cells, strict=True):
        for target, cell in zip(matrix.classes, row, strict=True):
            assert cell.same == (source == target)
            if not cell.same:
                assert (cell.reached, cell.tried) == (table[source, target]["reached"], table[source, target]["tried"])
    plain = parts.matrix([named(found, "fgsm")])
    assert plain
    assert not plain.aimed
    assert sum(cell.reached for row in plain.cells for cell in row) == named(found, "fgsm").told["fooled"]


def test_of_many_classes_the_most_frequent_ways_are_listed(tmp_path: Path) -> None:
    classes = [f"class {number}" for number in range(20)]
    subject = attacked_run.subject(classes, [10] * 20, each=2)
    attacked_run.attack(tmp_path, [Assault("fgsm", eps=0.2, lean=True)], subject)
    matrix = parts.matrix(read_attacks(tmp_path))
    assert matrix
    assert matrix.cells == ()
    counts = [pair.cell.reached for pair in matrix.pairs]
    assert counts == sorted(counts, reverse=True)
    assert 0 < len(counts) <= parts.MOST_PAIRS
    assert counts[-1] > 0


def test_where_nothing_succeeds_there_is_no_matrix(tmp_path: Path) -> None:
    attacked_run.attack(tmp_path, [Assault("fgsm", eps=0.0, lean=True)])
    assert parts.matrix(read_attacks(tmp_path)) is None


def test_the_gallery_states_factor_size_and_probabilities(found: list[Attacked]) -> None:
    shown = parts.gallery([one for one in found if not one.corruptions])
    assert sorted(len(one.pictures) for one in shown) == [2, 2, 4]
    one = next(one for one in shown if "steps=8" in one.name and one.budget == "at most 4/255").pictures[0]
    assert float(one.size.removesuffix("/255")) <= 4
    assert 1 < float(one.factor) < 1000
    assert one.given in attacked_run.CLASSES
    assert len(one.chances) == 3
    assert [row.label for row in one.chances if row.named] == [one.after]
    assert all(row.before.endswith("%") and row.after.endswith("%") for row in one.chances)
    assert "magnified" in one.noise
    assert "&lt;b&gt;" in "".join(str(p.original) for s in shown for p in s.pictures)


def test_pictures_are_few_however_many_attacks(found: list[Attacked]) -> None:
    some = named(found, "pgd", target=None)
    shown = parts.gallery([some] * 30)
    assert sum(len(one.pictures) for one in shown) <= parts.MOST_PICTURES
    assert parts.gallery([named(found, "fgsm")]) == ()


def test_the_trade_off_is_drawn_with_its_prices(found: list[Attacked]) -> None:
    (tradeoff,) = parts.tradeoffs([one for one in found if not one.corruptions])
    assert [row["c"] for row in tradeoff.rows] == ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3"]
    assert tradeoff.chart.count("<polyline") == 1
    assert tradeoff.chart.count('class="spot') == 6
    assert "C = 0.001" in tradeoff.chart
    table = named(found, "optimised-noise").told["tradeoff"]
    assert [row["l1"] for row in tradeoff.rows] == [f"{row['l1']:.3g}" for row in table]
    assert tradeoff.images == table[0]["images"]


def test_corruptions_the_most_harmful_first(found: list[Attacked], tmp_path: Path) -> None:
    spoilt = [one for one in found if one.corruptions]
    one = parts.corruptions(spoilt)
    assert one
    assert one.severities == (3,)
    means = [float(row.mean.split("\u00a0")[0]) for row in one.rows]
    assert means == sorted(means)
    assert len(means) == 15
    assert all(row.chart and row.reach and len(row.cells) == 1 for row in one.rows)
    attacked_run.attack(tmp_path, [Assault("corruptions", limit=2)])
    whole = parts.corruptions([*spoilt, *read_attacks(tmp_path)])
    assert whole
    assert whole.severities == (1, 2, 3, 4, 5)
    assert all(not row.chart and len(row.cells) == 5 for row in whole.rows)
    assert parts.corruptions([]) is None


def test_checks_that_failed_come_first(found: list[Attacked]) -> None:
    sound = named(found, "pgd", target=None)
    broken = replace(sound, told=sound.told | {"checks": [row | {"holds": False} for row in sound.told["checks"]]})
    checks = parts.checks([sound, broken])
    assert [one.failed for one in checks] == [len(sound.told["checks"]), checks[1].failed]
    assert checks[0].failed > checks[1].failed
    assert parts.checks([named(found, "fgsm")]) == ()


def test_fragility_is_told_where_about_half_succeeds(found: list[Attacked]) -> None:
    sound = named(found, "pgd", target=None)
    everything = replace(sound, told=sound.told | {"success_rate": 1.0, "eps": 64 / 255})
    fragile = parts.fragility([everything, sound])
    assert fragile
    assert fragile.budget == "at most 4/255"
    assert [row.train_count for row in fragile.rows] == sorted(attacked_run.COUNTS)
    assert len(fragile.sentences) == len(fragile.adjusted) == len(fragile.tests) == 3
    assert all(row.adjusted for row in fragile.rows)
    assert all(len(row.figures) == 3 for row in fragile.rows)
    assert not fragile.guessed
    assert parts.fragility([named(found, "fgsm")]) is None


def test_of_many_classes_the_rarest_and_the_commonest_are_shown(found: list[Attacked]) -> None:
    sound = named(found, "pgd", target=None)
    one = sound.told["fragility"]["classes"][0]
    many = [one | {"name": f"class {number}", "train_count": number} for number in range(80)]
    told = sound.told | {"fragility": sound.told["fragility"] | {"classes": many, "counts_from": "images"}}
    fragile = parts.fragility([replace(sound, told=told)])
    assert fragile
    assert [row.train_count for row in fragile.rows] == [*range(15), *range(65, 80)]
    assert fragile.left_out == 50
    assert fragile.guessed
