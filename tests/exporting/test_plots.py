"""The figures beside quality against cost: every measure, objects, and training."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from genbench.errors import DataError
from genbench.exporting import draw_losses, draw_objects, draw_points
from genbench.exporting.losses import mean_curve, panels
from genbench.exporting.objects import ObjectScore, read_objects, write_objects
from genbench.exporting.plotting import COLOURS, MARKERS, appearance, looks
from genbench.tables import Column
from tests.exporting.examples import HOSTILE, cell, comparison, marked

OBJECTS = [ObjectScore("cube", 10, 0.5, 0.9), ObjectScore("$sphere", 4, 1.0, 0.8), ObjectScore("never", 0, None, None)]
CURVE = (list(range(100)), [1 / (1 + step) for step in range(100)])


def colours(path):
    return {tuple(pixel) for pixel in np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0)}


def rgb(family):
    colour = appearance(family)[0]
    return tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))


def test_rows_are_told_apart_in_colour_and_in_grey():
    assert len(set(COLOURS)) == len(set(MARKERS)) == len(COLOURS)
    rows = [replace(row, family=family) for row, family in zip(comparison("abcd").rows, "xyxx", strict=False)]
    found = looks(rows)
    assert len({(look.marker, look.filling) for look in found.values()}) == len(rows)
    assert {found[label].colour for label in "acd"} == {appearance("x", "xy")[0]}
    assert len({found[label].dash for label in "abcd"}) == 4
    assert looks([*rows, *comparison().rows[-1:]])["d"] == found["d"]


def test_rows_of_one_family_have_colours_of_their_own():
    labels = "abcdefgh"
    found = looks([replace(row, family="x") for row in comparison(labels).rows])
    assert [found[label].colour for label in labels] == [*COLOURS, COLOURS[0]]
    assert len({(found[label].marker, found[label].filling) for label in labels}) == len(labels)


def test_every_figure_is_drawn_for_any_label_and_is_the_same_again(tmp_path):
    table = comparison((*HOSTILE, "_"), failed=3)
    table = replace(table, columns=table.columns[:2])
    labels = [row.label for row in table.rows if not row.reference]
    scores = {label: {0: OBJECTS, 1: OBJECTS} for label in labels}
    histories = {label: {0: {"loss": CURVE, "lr": CURVE}, 1: {"loss": CURVE}} for label in labels}
    first, second = tmp_path / "a", tmp_path / "b"
    files = draw_points(table, first) | draw_objects(table, scores, first) | draw_losses(table, histories, first)
    assert set(files) == {f"{name}{form}" for name in ("points", "objects", "curves") for form in ("", "_pdf")}
    assert all(path.read_bytes()[:5] == b"%PDF-" for name, path in files.items() if name.endswith("_pdf"))
    assert all(rgb("family0") in colours(first / f"{name}.png") for name in ("points", "objects", "curves"))
    again = draw_points(table, second)
    assert all(files[name].read_bytes() == path.read_bytes() for name, path in again.items())


def test_nothing_to_draw_makes_no_file(tmp_path):
    table = comparison()
    empty = replace(table, columns=[])
    assert draw_points(empty, tmp_path) | draw_objects(empty, {}, tmp_path) | draw_losses(empty, {}, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_sizes_of_sets_are_drawn_without_objects(tmp_path):
    table = marked()
    sizes = [Column(f"accuracy/{n}_object{'s' * (n > 1)}", f"Accuracy ({n})", "", "higher") for n in (1, 2, 3)]
    rows = [replace(row, cells={column.key: cell([0.8, 0.9], 0.95) for column in sizes}) for row in table.rows]
    assert draw_objects(replace(table, columns=sizes, rows=rows), {}, tmp_path)


def test_scores_of_objects_are_kept_and_read_back(tmp_path):
    path = write_objects({"a": {0: OBJECTS, 2: OBJECTS[:1]}}, tmp_path)
    lines = list(csv.DictReader(path.open()))
    assert [line["repetition"] for line in lines] == ["0", "0", "0", "2"]
    assert (float(lines[0]["accuracy"]), lines[2]["accuracy"]) == (0.5, "")
    assert read_objects(path) == [*OBJECTS, OBJECTS[0]]
    path.write_text("object\ncube\n")
    with pytest.raises(DataError, match=r"objects\.csv: not a table of objects"):
        read_objects(path)


def test_the_mean_curve_is_the_mean_of_the_seeds():
    steps = list(range(200))
    first, second = [float(s) for s in steps], [3.0 * s for s in steps]
    places, values = mean_curve([(steps, first), (steps, second)], count=10)
    assert len(places) == 10
    assert values == pytest.approx(2 * places)
    assert np.mean(values) == pytest.approx(np.mean([first, second]))
    assert len(mean_curve([(steps, first), (steps[:4], second[:4])])[0]) == 4


def test_losses_come_first_and_gradients_last():
    run = dict.fromkeys(["lr", "grad_norm", "lambda", "d_real", "accuracy", "loss_d", "loss"], CURVE)
    assert panels({"a": {0: run}}) == ["loss_d", "loss", "accuracy", "lambda", "d_real", "lr", "grad_norm"]
    assert len(panels({"a": {0: dict.fromkeys(map(str, range(30)), CURVE)}})) == 9
