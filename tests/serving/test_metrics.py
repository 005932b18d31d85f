from evenhand.serving.metrics import Histogram, Metrics


def test_histograms_count_up_to_each_bound() -> None:
    found = Histogram((1, 10))
    for value in (0.5, 1, 2, 100):
        found.add(value)
    assert list(found.lines("x")) == [
        'x_bucket{le="1"} 2',
        'x_bucket{le="10"} 3',
        'x_bucket{le="+Inf"} 4',
        "x_sum 103.500000",
        "x_count 4",
    ]


def test_names_of_classes_cannot_break_a_line() -> None:
    found = Metrics(['a"b\\c\nd'])
    found.answers['a"b\\c\nd'] += 1
    found.requests["/predict", 200] += 2
    lines = found.text().splitlines()
    assert 'evenhand_answers_total{class="a\\"b\\\\c\\nd"} 1' in lines
    assert 'evenhand_requests_total{path="/predict",status="200"} 2' in lines
    for line in lines:
        assert line.startswith("# ") or " " in line
