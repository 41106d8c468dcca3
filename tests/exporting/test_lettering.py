"""Letters in figures: they fit, differ where names differ, and ticks are plain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from genbench.exporting import draw_objects, draw_points
from genbench.exporting.fronts import draw_fronts
from genbench.exporting.lettering import LONGEST, round_ticks, short_names, short_number
from genbench.exporting.objects import ObjectScore
from tests.exporting.examples import COLUMNS, comparison, marked

LONG = ["short", "a" * 108, "a" * 107 + "b", "a" * 50 + "x" + "a" * 57]


@given(st.lists(st.text(min_size=1, max_size=120), min_size=1, max_size=6, unique=True))
def test_short_names_fit_and_differ(labels):
    rows = [replace(row, label=label) for row, label in zip(comparison("abcdef").rows, labels, strict=False)]
    names = short_names(rows)
    assert set(names) == set(labels)
    assert all(cell_len(name) <= LONGEST for name in names.values())


def test_names_that_share_beginning_and_end_are_numbered():
    names = short_names(comparison(LONG).rows)
    assert len(set(names.values())) == len(names)
    assert names["short"] == "short"
    assert names["a" * 108] == "aaaaaaaaaaaa…aaaaaaaaaaa"
    assert names[LONG[3]] == "aaaaaaaaaaa…2…aaaaaaaaaa"


@given(st.floats(1e-6, 1e6), st.floats(8, 1e9), st.integers(4, 8))
def test_ticks_are_few_round_and_within(low, factor, most):
    ticks = round_ticks(low, low * factor, most)
    assert 1 <= len(ticks) <= most
    assert all(low <= tick <= low * factor for tick in ticks)
    assert {f"{tick:.6e}"[:8] for tick in ticks} <= {"1.000000", "2.000000", "3.000000", "5.000000"}


def test_about_a_decade_has_ticks_at_1_2_5():
    assert round_ticks(1.3, 22.0, 7) == [2.0, 5.0, 10.0, 20.0]


@pytest.mark.parametrize("draw", ["pareto", "points", "objects"])
def test_no_letter_leaves_the_picture(tmp_path, draw):
    table = replace(comparison(LONG), columns=COLUMNS[:5], fronts=marked().fronts, title="a title " * 30)
    objects = [ObjectScore("cube", 10, 0.5, 0.9), ObjectScore("x" * 10, 4, 1.0, 0.8)]
    if draw == "objects":
        files = draw_objects(table, {label: {0: objects} for label in LONG}, tmp_path)
    else:
        files = (draw_fronts if draw == "pareto" else draw_points)(table, tmp_path)
    picture = np.asarray(Image.open(files[draw]).convert("L"))
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge > 250).all()
    assert picture.shape[1] < 2000


@pytest.mark.parametrize(
    ("value", "text"), [(0.01, "0.01"), (5000.0, "5000"), (2e4, "20 k"), (5e6, "5 M"), (1e8, "100 M"), (2e9, "2 G")]
)
def test_large_numbers_are_short(value: float, text: str):
    assert short_number(value) == text
