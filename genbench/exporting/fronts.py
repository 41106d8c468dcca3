"""The figure of quality against cost: every row's mean with its interval, its seeds, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genbench.exporting.escaping import visible
from genbench.exporting.layout import ARROWS, Heading
from genbench.exporting.lettering import in_lines, plain_logarithmic, short_names
from genbench.exporting.numbers import Scale, column_scale
from genbench.exporting.placing import Labelled, write_labels
from genbench.exporting.plotting import figure_style, looks, save_figure, tidy_axis
from genbench.tables import Cell, Column, Comparison, Front, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.7, 3.3)  # inches
_WIDE = 8.0  # a cost that spans more than this factor has a logarithmic axis


def draw_fronts(comparison: Comparison, folder: Path) -> dict[str, Path]:
    """Draw one panel for each front of the comparison as ``pareto.png`` and ``pareto.pdf``.

    Returns:
        The files by the names ``pareto`` and ``pareto_pdf``; none when there is nothing to draw.

    Raises:
        GenbenchError: when a file cannot be written.
    """
    fronts = [front for front in comparison.fronts if _drawn(comparison, front)]
    if not fronts:
        return {}
    from matplotlib.figure import Figure

    with figure_style():
        figure = Figure(figsize=(_PANEL[0] * len(fronts), _PANEL[1]), layout="constrained", dpi=200)
        axes = figure.subplots(1, len(fronts), sharey=True, squeeze=False)[0]
        for axis, front in zip(axes, fronts, strict=True):
            _panel(axis, comparison, front)
        for axis in axes[1:]:
            axis.set_ylabel("")
        inches = figure.get_figwidth()
        figure.suptitle(in_lines(comparison.title, inches, 9), fontsize=9, parse_math=False)
        figure.supxlabel(in_lines(_caption(comparison), inches, 7), fontsize=7, color="0.35")
        for axis, front in zip(axes, fronts, strict=True):
            _label(figure, axis, comparison, front)
        return save_figure(figure, folder, "pareto")


def _drawn(comparison: Comparison, front: Front) -> list[Row]:
    """Rows that have both measures, as finite numbers."""

    def known(row: Row) -> bool:
        cells = [row.cells.get(key) for key in (front.quality, front.cost)]
        return all(cell is not None and math.isfinite(cell.mean) for cell in cells)

    return [row for row in comparison.rows if not row.reference and known(row)]


def _panel(axis: Axes, comparison: Comparison, front: Front) -> None:
    quality, cost = comparison.column(front.quality), comparison.column(front.cost)
    rows = _drawn(comparison, front)
    across = column_scale(cost, [row.cells[cost.key] for row in rows])
    looking = looks(comparison.rows)
    for row in rows:
        look = looking[row.label]
        x, y = _scaled(row.cells[cost.key], across), row.cells[quality.key]
        if seeds := _seeds(x, y):
            xs, ys = zip(*seeds, strict=True)
            axis.scatter(xs, ys, 9, marker=look.marker, color=look.colour, alpha=0.45, linewidths=0)
        axis.errorbar(
            x.mean,
            y.mean,
            xerr=_reach(x),
            yerr=_reach(y),
            linestyle="none",
            color=look.colour,
            markersize=6.5,
            **look.points,
            elinewidth=1.0,
            capsize=2,
            zorder=3,
        )
    means = [row.cells[cost.key].mean / across.factor for row in rows]
    if min(means) > 0 and max(means) / min(means) > _WIDE:
        axis.margins(0.12)
        plain_logarithmic(axis)
    axis.margins(0.12)
    axis.set_xlabel(str(Heading(cost.title, across.unit, ARROWS[cost.better])), parse_math=False)
    axis.set_ylabel(str(Heading(quality.title, quality.unit, ARROWS[quality.better])), parse_math=False)
    tidy_axis(axis)
    _real(axis, comparison, quality)
    _steps(axis, comparison, front, quality, across)


def _seeds(x: Cell, y: Cell) -> list[tuple[float, float]]:
    """Single seeds that have both measures, where there are several."""
    costs, scores = (dict(zip(cell.repetitions, cell.values, strict=False)) for cell in (x, y))
    shared = [k for k in costs if k in scores and math.isfinite(costs[k]) and math.isfinite(scores[k])]
    return [(costs[k], scores[k]) for k in shared] if len(shared) > 1 else []


def _steps(axis: Axes, comparison: Comparison, front: Front, quality: Column, across: Scale) -> None:
    """The front as a staircase to the edges of the panel: beyond it lies what some row beats."""
    rows = [row for row in _drawn(comparison, front) if row.label in front.rows]
    points = sorted((row.cells[front.cost].mean / across.factor, row.cells[front.quality].mean) for row in rows)
    if not points:
        return
    left, right, low, high = *axis.get_xlim(), *axis.get_ylim()
    worst = high if quality.better == "lower" else low
    xs = [points[0][0], *(x for x, _ in points), right]
    ys = [worst, *(y for _, y in points), points[-1][1]]
    axis.plot(xs, ys, drawstyle="steps-post", color="0.55", linewidth=1.0, zorder=1)
    axis.set(xlim=(left, right), ylim=(low, high))


def _real(axis: Axes, comparison: Comparison, quality: Column) -> None:
    """A dashed line where real pictures score."""
    for row in [row for row in comparison.rows if row.reference and quality.key in row.cells]:
        score = row.cells[quality.key].mean
        axis.axhline(score, color="0.25", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axis.annotate(
            visible(row.label),
            (0.99, score),
            xycoords=axis.get_yaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color="0.25",
        )


def _label(figure: Figure, axis: Axes, comparison: Comparison, front: Front) -> None:
    """Write each row's name beside its mean."""
    rows = _drawn(comparison, front)
    across = column_scale(comparison.column(front.cost), [row.cells[front.cost] for row in rows])
    labelled, names = [], short_names(comparison.rows)
    for row in rows:
        x, y = _scaled(row.cells[front.cost], across), row.cells[front.quality]
        left, right = (x.mean if limit is None else limit for limit in (x.low, x.high))
        low, high = (y.mean if limit is None else limit for limit in (y.low, y.high))
        cross = ((max(left, 1e-3 * x.mean), right), (low, high))
        labelled.append(Labelled(names[row.label], (x.mean, y.mean), cross, _seeds(x, y)))
    write_labels(figure, axis, labelled)


def _scaled(cell: Cell, scale: Scale) -> Cell:
    def by(value: float | None) -> float | None:
        return None if value is None else value / scale.factor

    values = [value / scale.factor for value in cell.values]
    return Cell(cell.mean / scale.factor, by(cell.low), by(cell.high), values, repetitions=cell.repetitions)


def _reach(cell: Cell) -> Sequence[Sequence[float]] | None:
    """How far the interval reaches below and above the mean."""
    if cell.low is None or cell.high is None:
        return None
    return [[max(cell.mean - cell.low, 0.0)], [max(cell.high - cell.mean, 0.0)]]


def _caption(comparison: Comparison) -> str:
    one = all(row.seeds == 1 for row in comparison.rows if not row.reference)
    means = "one seed: no claim that rows differ" if one else "means with 95 % intervals; small: single seeds"
    return f"{means}; grey steps: Pareto front by means"
