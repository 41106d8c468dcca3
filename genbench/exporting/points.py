"""The figure of every shown measure: single seeds as points, means with their intervals, one panel a measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genbench.exporting.escaping import visible
from genbench.exporting.layout import ARROWS, Heading, shown_columns
from genbench.exporting.lettering import in_lines, plain_logarithmic, short_names
from genbench.exporting.numbers import Scale, column_scale
from genbench.exporting.plotting import Look, figure_style, looks, save_figure, tidy_axis
from genbench.tables import Cell, Column, Comparison, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 3  # panels side by side
_WIDTH, _LINE, _AROUND = 2.25, 0.27, 0.72  # inches: of a panel, of a row, of title and axis
_LABELS = 1.5  # inches for rows' names, where they are that long
_WIDE = 8.0  # a cost that spans more than this factor has a logarithmic axis
_TICKS = 5  # on an axis, at most
_BELOW = 0.27  # how far seeds stand below their row's line


def draw_points(comparison: Comparison, folder: Path) -> dict[str, Path]:
    """Draw one panel for each shown measure as ``points.png`` and ``points.pdf``.

    Returns:
        The files by the names ``points`` and ``points_pdf``; none when there is nothing to draw.

    Raises:
        GenbenchError: when a file cannot be written.
    """
    rows = [row for row in comparison.rows if not row.reference]
    columns = [column for column in shown_columns(comparison) if any(_known(row, column) for row in rows)]
    if not columns:
        return {}
    from matplotlib.figure import Figure

    across = min(_ACROSS, len(columns))
    down = -(-len(columns) // across)
    size = (_LABELS + _WIDTH * across, 0.6 + down * (_AROUND + _LINE * len(rows)))
    with figure_style():
        figure = Figure(figsize=size, layout="constrained", dpi=200)
        axes = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
        looking = looks(comparison.rows)
        for axis, column in zip(axes, columns, strict=False):
            _panel(axis, comparison, column, rows, looking)
        for axis in axes[len(columns) :]:
            axis.set_axis_off()
        figure.suptitle(in_lines(comparison.title, size[0], 9), fontsize=9, parse_math=False)
        figure.supxlabel(in_lines(_caption(comparison), size[0], 7), fontsize=7, color="0.35")
        return save_figure(figure, folder, "points")


def _known(row: Row, column: Column) -> bool:
    return column.key in row.cells and math.isfinite(row.cells[column.key].mean)


def _panel(
    axis: Axes, comparison: Comparison, column: Column, rows: Sequence[Row], looking: Mapping[str, Look]
) -> None:
    drawn = [row for row in rows if _known(row, column)]
    scale = column_scale(column, [row.cells[column.key] for row in drawn])
    for row in drawn:
        _row(axis, row.cells[column.key], rows.index(row), looking[row.label], scale)
    means = [row.cells[column.key].mean for row in drawn]
    if column.unit and min(means) > 0 and max(means) / min(means) > _WIDE:
        axis.margins(x=0.08)
        plain_logarithmic(axis, _TICKS)
    elif scale.count:
        _short_counts(axis)
    else:
        axis.locator_params(axis="x", nbins=_TICKS)
    for row in comparison.rows:
        if row.reference and _known(row, column):
            real = row.cells[column.key].mean / scale.factor
            axis.axvline(real, color="0.25", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    heading = str(Heading(column.title, scale.unit, ARROWS[column.better]))
    axis.set_title(in_lines(heading, _WIDTH, 8), fontsize=8, parse_math=False)
    names = short_names(rows)
    axis.set_yticks(range(len(rows)), [names[row.label].replace("$", r"\$") for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis="x", labelsize=7)
    axis.tick_params(axis="y", length=0)
    axis.margins(x=0.08)
    tidy_axis(axis)
    axis.grid(visible=False, axis="y")


def _row(axis: Axes, cell: Cell, line: int, look: Look, scale: Scale) -> None:
    """A row's mean with its interval, and the single seeds below."""
    values = [value / scale.factor for value in cell.values]
    mean = cell.mean / scale.factor
    if cell.low is not None and cell.high is not None:
        style = (0, (1.5, 1)) if cell.resampled_only else "-"
        low, high = cell.low / scale.factor, cell.high / scale.factor
        axis.hlines(line, low, high, color=look.colour, linewidth=1.4, linestyle=style, zorder=2)
        axis.plot([low, high], [line] * 2, "|", color=look.colour, markersize=6, zorder=2)
    axis.plot([mean], [line], color=look.colour, linestyle="none", markersize=6.5, zorder=3, **look.points)
    if len(values) > 1:
        places = [line + _BELOW] * len(values)
        axis.scatter(values, places, 8, color="0.25", alpha=0.65, linewidths=0, zorder=4)


def _short_counts(axis: Axes) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))


def _caption(comparison: Comparison) -> str:
    rows = [row for row in comparison.rows if not row.reference]
    if all(row.seeds == 1 for row in rows):
        told = "one seed: dotted intervals come from resampling its pictures only"
    else:
        told = "coloured: means with 95 % intervals; dots below: single seeds"
    real = [row.label for row in comparison.rows if row.reference]
    return f"{told}; dashed: {', '.join(map(visible, real))}" if real else told
