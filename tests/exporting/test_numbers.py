"""Rounding: against the rule itself, and case by case."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.exporting.layout import best, notes
from genbench.exporting.markdown import to_markdown
from genbench.exporting.numbers import Scale, column_scale, digits, number, significant_decimals
from genbench.tables import Cell, Column
from tests.exporting.examples import cell, comparison

PLAIN = Scale(1.0, "")


def around(mean: float, half: float | None = None) -> Cell:
    return Cell(mean, None if half is None else mean - half, None if half is None else mean + half, [mean])


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.9531, 0.0123, "0.953 ± 0.012"),
        (0.9531, 0.0996, "0.95 ± 0.10"),  # rounding carries
        (31.254, 0.1, "31.25 ± 0.10"),
        (1234.5, 567.0, "1230 ± 570"),
        (0.5, 127.0, "0 ± 130"),
        (-0.0001, 0.01, "0.000 ± 0.010"),  # no negative zero
        (1.0, 0.0, "1.000"),
        (0.953, 1e-14, "0.953"),  # rounding of the mean is no spread
        (2.1e14, 3e12, "(2.100 ± 0.030)e+14"),
        (3.14159e-6, 1e-7, "(3.14 ± 0.10)e-06"),
        (0.9531, None, "0.953"),
        (1.0, None, "1.000"),
        (0.0999996, None, "0.100"),
        (45.678, None, "45.68"),
        (1234.4, None, "1234"),
        (99999000.0, None, "1.000e+08"),
        (0.0, None, "0"),
    ],
)
def test_cases(mean, half, text):
    printed = number(around(mean, half), PLAIN)
    assert printed is not None
    assert printed.plain() == text
    assert printed.plain(tight=True) == text.replace(" ± ", "±")


@pytest.mark.parametrize(("seconds", "text"), [(1.40123, "1.40"), (58.4712, "58.5"), (1234.4, "1230"), (0.0, "0")])
def test_a_cost_that_was_measured_once_has_three_digits(seconds, text):
    printed = number(around(seconds), Scale(1.0, "s"))
    assert printed is not None
    assert printed.plain() == text


def test_after_one_seed_nothing_is_marked_best():
    once, thrice = comparison(seeds=1), comparison(seeds=3)
    for column in once.columns:
        assert best(once, column) == frozenset()
        assert bool(best(thrice, column)) == (column.better != "neither")
    assert "**" not in to_markdown(once)


def test_a_value_that_all_seeds_share_has_no_interval_and_a_note_says_so():
    table = comparison()
    same = replace(table.rows[0], cells={**table.rows[0].cells, "accuracy": cell([0.12, 0.12, 0.12])})
    alike = replace(table, rows=[same, *table.rows[1:]])
    told = "where all seeds gave the same value no interval can be told"
    assert told in notes(alike)
    assert told not in notes(table)  # the parameters are alike, too, but counted
    assert "± 0 " not in to_markdown(alike)
    assert " 0.120 " in to_markdown(alike)


@given(st.floats(1e-6, 1e6), st.integers(1, 6))
def test_significant_digits_are_kept(value, significant):
    decimals = significant_decimals(value, significant)
    text = digits(value, decimals)
    assert math.isclose(float(text), value, rel_tol=0.5000001 * 10.0 ** (1 - significant))
    if decimals >= 0:
        assert len(text.replace(".", "").lstrip("0")) == significant


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e4))
def test_mean_and_interval_have_the_same_decimals_and_stay_within_rounding(mean, half):
    printed = number(around(mean, half), PLAIN)
    assert printed is not None
    (spread,) = printed.spread
    assert len(spread.partition(".")[2]) == len(printed.mean.partition(".")[2])
    assert float(spread) == pytest.approx(half, rel=0.051)
    assert abs(float(printed.mean) - mean) <= 0.051 * half


def test_latex():
    assert number(around(0.9531, 0.0123), PLAIN).latex() == r"$0.953 \pm 0.012$"
    assert number(around(0.9531, 0.0123), PLAIN).latex(bold=True) == r"$\mathbf{0.953 \pm 0.012}$"
    assert number(around(2.1e14, 3e12), PLAIN).latex() == r"$(2.100 \pm 0.030) \times 10^{14}$"
    assert number(around(1234567.0), Scale(1.0, "", count=True)).latex() == r"$1.23\,\mathrm{M}$"


def test_skewed_interval_shows_both_limits():
    skewed = number(Cell(0.95, 0.912, 0.971, [0.95]), PLAIN)
    assert skewed.plain() == "0.950 [0.912, 0.971]"
    assert skewed.latex() == r"$0.950\ [0.912, 0.971]$"


@pytest.mark.parametrize("mean", [math.nan, math.inf])
def test_what_is_not_a_number_is_missing(mean):
    assert number(around(mean), PLAIN) is None
    assert number(None, PLAIN) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (9999, "9999"),
        (12345, "12.3 k"),
        (999400, "999 k"),
        (999600, "1.00 M"),
        (1234567, "1.23 M"),
        (86e9, "86.0 G"),
    ],
)
def test_counts(value, text):
    cell = Cell(value, value, value, [value] * 3)
    assert number(cell, column_scale(Column("parameters", "Parameters"), [cell])).plain() == text


def test_zeros_and_ones_are_rates_not_counts():
    assert not column_scale(Column("accuracy", "Accuracy"), [around(1.0), around(0.0)]).count


@pytest.mark.parametrize(
    ("unit", "values", "scale"),
    [
        ("s", [61.0, 55.0], Scale(1.0, "s")),
        ("s", [0.0123, 0.0004], Scale(1e-3, "ms")),
        ("s", [2e-5], Scale(1e-6, "µs")),
        ("s", [40000.0, 7200.0], Scale(3600.0, "h")),
        ("MB", [512.0], Scale(1.0, "MB")),
        ("MB", [12000.0], Scale(1e3, "GB")),
        ("FLOP", [2.1e13], Scale(1e12, "TFLOP")),
        ("s", [0.0], Scale(1.0, "s")),
        ("s", [], Scale(1.0, "s")),
        ("pictures/s", [2.5e4], Scale(1.0, "pictures/s")),
    ],
)
def test_units_suit_the_whole_column(unit, values, scale):
    assert column_scale(Column("x", "X", unit), [around(value) for value in values]) == scale
