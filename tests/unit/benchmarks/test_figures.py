"""What the benchmark computes from its measurements."""

import ast
from pathlib import Path

import pytest

from benchmarks.figures import (
    Row,
    Size,
    bytes_in_words,
    lines,
    median_ratio,
    milliseconds,
    percentile,
    rate,
    table,
)

ROOT = Path(__file__).resolve().parents[3]
SMALL = Size(10, 2.0, 0.31, 0.3, 60_000_000, 12_000, 3_000)
LARGE = Size(100_000, 6.0, 0.36, 0.3, 120_000_000, 60_000_000, 30_000_000)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    assert median_ratio([1, 2, 30], [2, 2, 3]) == 1
    # One bad round of both sides changes nothing: they were measured side by side.
    assert median_ratio([10, 1, 10], [20, 2, 20]) == 0.5


def test_a_ratio_needs_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        median_ratio([1, 2], [1])


@pytest.mark.parametrize(("share", "value"), [(0.99, 99), (0.5, 50), (1, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_a_rate_counts_the_gaps_between_events() -> None:
    assert rate([5.0, 5.5, 6.0]) == 2


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("", 0.5, at_least=0.5), True),
        (Row("", 0.4999, at_least=0.5), False),
        (Row("", 3, at_most=3), True),
        (Row("", 3.001, at_most=3), False),
    ],
)
def test_a_verdict_is_on_the_number_and_not_on_its_rounding(row: Row, *, holds: bool) -> None:
    assert row.holds is holds
    assert row.cells()[-1] == ("yes" if holds else "NO")


def test_a_row_names_its_bound() -> None:
    assert Row("x", 900.4, at_most=1024, unit=" bytes").cells() == (
        "x",
        "≤ 1,024 bytes",
        "900 bytes",
        "yes",
    )
    assert Row("x", 0.514, at_least=0.5).cells() == ("x", "≥ 0.50", "0.51", "yes")


def test_a_row_without_a_bound_has_no_verdict_and_fails_nothing() -> None:
    row = Row("x", 0.41)
    assert row.cells() == ("x", "nothing", "0.41", "")
    assert row.holds


def test_a_size_becomes_a_row() -> None:
    assert LARGE.cells() == ("100,000", "360 ms", "300 ms", "6.0 s", "114 MB", "29 MB", "57 MB")


def test_the_plot_has_a_line_for_each_cost() -> None:
    drawn = lines([SMALL, LARGE])
    assert drawn["registration"] == [(10, 0.31), (100_000, 0.36)]
    assert drawn["start to first answer"] == [(10, 2.0), (100_000, 6.0)]


def test_units_suit_the_number() -> None:
    assert [milliseconds(0.0123), milliseconds(0.3)] == ["12.3 ms", "300 ms"]
    assert [bytes_in_words(999), bytes_in_words(2048), bytes_in_words(3 * 2**30)] == [
        "999 B",
        "2 KB",
        "3.0 GB",
    ]


def test_a_table_is_aligned_markdown() -> None:
    assert table(("a", "bc"), [("def", "g")]) == "| a   | bc |\n|-----|----|\n| def | g  |"


def test_what_is_compared_is_served_in_the_frontends_shape() -> None:
    def shape(file: str) -> dict[str, object]:
        found = {}
        for node in ast.parse((ROOT / file).read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                found[ast.unparse(node.targets[0])] = node.value.value
        return found

    assert shape("benchmarks/gunicorn.conf.py") == shape("web-frontend/gunicorn.conf.py")
