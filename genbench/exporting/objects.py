"""Accuracy object by object and by the number of objects asked for: what each row gets right, and what it does not."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genbench.errors import DataError
from genbench.exporting.csv import harmless
from genbench.exporting.escaping import visible
from genbench.exporting.lettering import in_lines, legend_columns, legend_inches, short_names, unmarked
from genbench.exporting.plotting import figure_style, looks, save_figure, tidy_axis
from genbench.files import whole_file
from genbench.tables import Cell, Comparison, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OBJECTS = "objects.csv"
_SIZE = re.compile(r"accuracy/(\d+)_objects?")
_LINE = 0.2  # inches a name of an object takes


@dataclass(frozen=True)
class ObjectScore:
    """One object in one run: its accuracy, and real pictures' (the ceiling); None where it was never asked for."""

    object: str
    asked: int
    accuracy: float | None
    ceiling: float | None


Scores = Mapping[str, Mapping[int, Sequence[ObjectScore]]]
"""Every run's objects, by row label and repetition."""


def read_objects(path: Path) -> list[ObjectScore]:
    """A run's ``objects.csv``. Raises `DataError` when it is damaged."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                ObjectScore(line["object"], int(line["asked"]), _number(line["accuracy"]), _number(line["ceiling"]))
                for line in csv.DictReader(file)
            ]
    except (KeyError, TypeError, ValueError, OSError, csv.Error) as error:
        raise DataError(f"{path}: not a table of objects ({error}): delete its folder and run again") from None


def write_objects(scores: Scores, folder: Path) -> Path:
    """Write ``objects.csv`` with a line for each row, repetition and object: what `draw_objects` draws."""
    path = folder / OBJECTS
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "repetition", "object", "asked", "accuracy", "ceiling"])
        for label, runs in scores.items():
            for repetition, objects in runs.items():
                writer.writerows(
                    [
                        harmless(visible(label)),
                        repetition,
                        harmless(o.object),
                        o.asked,
                        _text(o.accuracy),
                        _text(o.ceiling),
                    ]
                    for o in objects
                )
    return path


def draw_objects(comparison: Comparison, scores: Scores, folder: Path) -> dict[str, Path]:
    """Draw ``objects.png`` and ``objects.pdf``: accuracy by object and, for sets, by the number of objects.

    Args:
        comparison: its measures ``accuracy/1_object``, ``accuracy/2_objects``, … are drawn where it has them.
        scores: each run's objects; rows that have none are left out.
        folder: gets the files.

    Returns:
        The files by the names ``objects`` and ``objects_pdf``; none when there is nothing to draw.

    Raises:
        GenbenchError: when a file cannot be written.
    """
    names = list(dict.fromkeys(o.object for runs in scores.values() for objects in runs.values() for o in objects))
    sizes = sorted((int(found[1]), c.key) for c in comparison.columns if (found := _SIZE.fullmatch(c.key)))
    rows = [row for row in comparison.rows if not row.reference]
    panels = [kind for kind, there in (("objects", names), ("sizes", sizes)) if there]
    if not panels:
        return {}
    from matplotlib.figure import Figure

    heights = {"objects": 1.2 + _LINE * max(len(names), 4), "sizes": 2.9}
    widths = {"objects": 4.4, "sizes": 2.9}
    labels = [*short_names(rows).values(), "real, held out"]
    with figure_style():
        across = sum(widths[panel] for panel in panels)
        size = (across, max(heights[panel] for panel in panels) + 0.3 + legend_inches(labels, across))
        figure = Figure(figsize=size, layout="constrained", dpi=200)
        ratios = [widths[panel] for panel in panels]
        axes = figure.subplots(1, len(panels), squeeze=False, width_ratios=ratios)[0]
        for axis, panel in zip(axes, panels, strict=True):
            if panel == "objects":
                _by_object(axis, comparison, rows, scores, names)
            else:
                _by_size(axis, comparison, rows, sizes)
        figure.suptitle(in_lines(comparison.title, across, 9), fontsize=9, parse_math=False)
        handles, labels = axes[0].get_legend_handles_labels()
        ncols = legend_columns(labels, across)
        figure.legend(handles, labels, loc="outside lower center", ncols=ncols, fontsize=8, frameon=False)
        return save_figure(figure, folder, "objects")


def _by_object(axis: Axes, comparison: Comparison, rows: Sequence[Row], scores: Scores, names: Sequence[str]) -> None:
    """One line an object: each row's mean over seeds with its single seeds, and what real pictures score."""
    looking, named = looks(comparison.rows), short_names(comparison.rows)
    drawn = [row for row in rows if scores.get(row.label)]
    everything = [o for runs in scores.values() for objects in runs.values() for o in objects]
    ceilings = {o.object: o.ceiling for o in everything if o.ceiling is not None}
    for position, row in enumerate(drawn):
        shift = _dodge(position, len(drawn))
        values = {
            each: [o.accuracy for objects in scores[row.label].values() for o in objects if o.object == each]
            for each in names
        }
        known = {each: [v for v in found if v is not None] for each, found in values.items()}
        seeds = [(v, names.index(each) + shift) for each, found in known.items() for v in found if len(found) > 1]
        means = [(math.fsum(found) / len(found), names.index(each) + shift) for each, found in known.items() if found]
        look = looking[row.label]
        if seeds:
            axis.scatter(
                [x for x, _ in seeds], [y for _, y in seeds], 5, color=look.colour, alpha=0.4, linewidths=0, zorder=2
            )
        if means:
            xs, ys = zip(*means, strict=True)
            axis.plot(
                xs,
                ys,
                color=look.colour,
                linestyle="none",
                markersize=5,
                label=unmarked(named[row.label]),
                **look.points,
            )
    if ceilings:
        places = [names.index(each) for each in ceilings]
        axis.plot(list(ceilings.values()), places, "|", color="0.25", markersize=9, label="real, held out", zorder=1)
    for each in range(0, len(names), 2):
        axis.axhspan(each - 0.5, each + 0.5, color="0.955", linewidth=0, zorder=0)
    axis.set_yticks(range(len(names)), [visible(each).replace("$", r"\$") for each in names], fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlim(-0.03, 1.03)
    axis.set_xlabel("accuracy ↑ of the object asked for (small: single seeds)", fontsize=8)
    axis.tick_params(axis="y", length=0)
    tidy_axis(axis)
    axis.grid(visible=False, axis="y")


def _by_size(axis: Axes, comparison: Comparison, rows: Sequence[Row], sizes: Sequence[tuple[int, str]]) -> None:
    """Accuracy over how many objects were asked for, means with their intervals."""
    looking, named = looks(comparison.rows), short_names(comparison.rows)
    for position, row in enumerate(rows):
        found = [(size, row.cells[key]) for size, key in sizes if key in row.cells]
        found = [(size, cell) for size, cell in found if math.isfinite(cell.mean)]
        if not found:
            continue
        look = looking[row.label]
        axis.errorbar(
            [size + _dodge(position, len(rows)) * 0.4 for size, _ in found],
            [cell.mean for _, cell in found],
            yerr=list(zip(*[_reach(cell) for _, cell in found], strict=True)),
            color=look.colour,
            linestyle=look.dash,
            linewidth=1.2,
            capsize=2,
            markersize=6,
            label=unmarked(named[row.label]),
            **look.points,
        )
    ceilings = {size: row.cells[key].ceiling for size, key in sizes for row in rows if key in row.cells}
    real = [(size, value) for size, value in ceilings.items() if value is not None]
    if real:
        axis.plot(*zip(*real, strict=True), "_", color="0.25", markersize=16, label="real, held out", zorder=1)
    axis.set_xticks([size for size, _ in sizes])
    axis.set_xlim(sizes[0][0] - 0.45, sizes[-1][0] + 0.45)
    axis.set_ylim(-0.03, 1.03)
    axis.set_xlabel("objects asked for", fontsize=8)
    axis.set_ylabel("accuracy ↑ (bars: 95 % intervals)", fontsize=8)
    tidy_axis(axis)


def _dodge(position: int, count: int) -> float:
    """Where the row stands around its line, so that rows do not cover each other."""
    return 0.0 if count < 2 else 0.5 * (position / (count - 1) - 0.5)


def _reach(cell: Cell) -> tuple[float, float]:
    if cell.low is None or cell.high is None:
        return 0.0, 0.0
    return max(cell.mean - cell.low, 0.0), max(cell.high - cell.mean, 0.0)


def _number(text: str) -> float | None:
    return float(text) if text else None


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)
