"""Figures of a sweep: its objectives over what was swept, quality against cost, and those that Optuna's users know."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from genbench.comparing.measures import describe
from genbench.exporting.lettering import plain_logarithmic
from genbench.exporting.plotting import COLOURS, MARKERS, figure_style, save_figure, tidy_axis
from genbench.sweeping.space import label_of
from genbench.sweeping.studies import SweepStudy
from genbench.tables import Cell, Column, Comparison, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS = ("train_s", "parameters", "sample_s", "peak_memory_mb")
_FEWEST_FOR_IMPORTANCE = 4
_LEGIBLE = 9
_WIDE = 8.0  # values that span more than this factor have a logarithmic axis


def draw_sweep(study: SweepStudy, comparison: Comparison | None, folder: Path) -> dict[str, Path]:
    """Draw every figure that the sweep has the trials for, as PNG and PDF.

    ``swept``: objectives over the one parameter that a grid sweeps; ``costs``: the first objective against each cost;
    ``history``, ``importance``, ``parallel``, ``pareto``: Optuna's own.

    Returns:
        The files by name.
    """
    files: dict[str, Path] = {}
    with figure_style():
        warnings.simplefilter("ignore")  # Optuna says that its plots are experimental
        if comparison is not None:
            files |= _save(_swept(study, comparison), folder, "swept")
            files |= _save(_against_costs(study, comparison), folder, "costs")
        for name, draw in _OPTUNAS.items():
            files |= _save(_of_optuna(study, draw), folder, name)
    return files


def _swept(study: SweepStudy, comparison: Comparison) -> Figure | None:
    """Objectives with intervals and seeds, over the values of a single parameter."""
    from matplotlib.figure import Figure

    if len(study.spec.space) != 1 or study.spec.sampler.name != "grid":
        return None
    (name, parameter), rows = next(iter(study.spec.space.items())), _rows(comparison)
    columns = [c for o in study.spec.objectives if (c := _column(comparison, o.metric)) is not None]
    if not columns or len(rows) < 2:
        return None
    numeric = not any(isinstance(v, str | bool) for v in parameter.choices or ())
    by_label = {
        label_of({name: trial.params[name]}): trial.params[name] for trial in study.trials if name in trial.params
    }
    figure = Figure(figsize=(3.6 * len(columns), 3.2), layout="constrained", dpi=200)
    for axis, column in zip(figure.subplots(1, len(columns), squeeze=False)[0], columns, strict=True):
        shown = [(row, row.cells[column.key]) for row in rows if column.key in row.cells]
        places = [by_label[row.label] if numeric else k for k, (row, _) in enumerate(shown)]
        if numeric:
            axis.plot(places, [cell.mean for _, cell in shown], color=COLOURS[0], linewidth=1)
        for place, (_, cell) in zip(places, shown, strict=True):
            _point(axis, place, cell, COLOURS[0], "o")
        if numeric and min(places) > 0 and max(places) > _WIDE * min(places):
            plain_logarithmic(axis)
        if not numeric:
            labels = [row.label.partition("=")[2] or row.label for row, _ in shown]
            axis.set_xticks(places, labels, rotation=30 if max(map(len, labels)) > _LEGIBLE else 0, ha="center")
            axis.margins(x=0.15)
        axis.set_xlabel(name.rpartition(".")[2].replace("_", " "))
        axis.set_ylabel(_heading(column))
        tidy_axis(axis)
    figure.suptitle(comparison.title, fontsize=9, parse_math=False)
    return figure


def _against_costs(study: SweepStudy, comparison: Comparison) -> Figure | None:
    """The first objective of quality against training time, size, sampling time and memory, with both intervals."""
    from matplotlib.figure import Figure

    qualities = [o.metric for o in study.spec.objectives if o.metric not in COSTS]
    quality = _column(comparison, qualities[0]) if qualities else None
    rows = [row for row in _rows(comparison) if quality is not None and quality.key in row.cells]
    costs = [c for key in COSTS if (c := _column(comparison, key)) is not None and _differs(rows, c)]
    if quality is None or len(rows) < 2 or not costs:
        return None
    figure = Figure(figsize=(3.2 * len(costs), 3.6), layout="constrained", dpi=200)
    axes = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axis, cost in zip(axes, costs, strict=True):
        for number, row in enumerate(rows):
            if cost.key not in row.cells:
                continue
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            _point(
                axis, row.cells[cost.key].mean, row.cells[quality.key], colour, marker, row.cells[cost.key], row.label
            )
        values = [row.cells[cost.key].mean for row in rows if cost.key in row.cells]
        if min(values) > 0 and max(values) > _WIDE * min(values):
            plain_logarithmic(axis)
        axis.set_xlabel(_heading(cost))
        tidy_axis(axis)
    axes[0].set_ylabel(_heading(quality))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2 * len(costs)), frameon=False)
    figure.suptitle(comparison.title, fontsize=9, parse_math=False)
    return figure


def _point(
    axis: Axes, place: float, cell: Cell, colour: str, marker: str, across: Cell | None = None, label: str | None = None
) -> None:
    """A mean with its interval (both intervals), and its seeds faintly."""
    vertical = None if cell.low is None or cell.high is None else [[cell.mean - cell.low], [cell.high - cell.mean]]
    horizontal = None
    if across is not None and across.low is not None and across.high is not None:
        horizontal = [[across.mean - across.low], [across.high - across.mean]]
    axis.errorbar(
        [place],
        [cell.mean],
        yerr=vertical,
        xerr=horizontal,
        color=colour,
        marker=marker,
        ms=5,
        capsize=3,
        lw=1,
        ls="",
        label=label,
    )
    places = (
        across.values if across is not None and len(across.values) == len(cell.values) else [place] * len(cell.values)
    )
    axis.scatter(places, cell.values, s=8, color=colour, alpha=0.35, linewidths=0)


def _history(study: Any) -> None:
    from optuna.visualization.matplotlib import plot_optimization_history

    if len(study.directions) == 1:
        plot_optimization_history(study)


def _importance(study: Any) -> None:
    from optuna.visualization.matplotlib import plot_param_importances

    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    varied = {name for trial in complete for name in trial.params}
    if len(complete) >= _FEWEST_FOR_IMPORTANCE and len(varied) > 1:
        target = (
            {}
            if len(study.directions) == 1
            else {"target": lambda t: t.values[0], "target_name": study.metric_names[0]}
        )
        plot_param_importances(study, **target)


def _parallel(study: Any) -> None:
    from optuna.visualization.matplotlib import plot_parallel_coordinate

    target = (
        {} if len(study.directions) == 1 else {"target": lambda t: t.values[0], "target_name": study.metric_names[0]}
    )
    plot_parallel_coordinate(study, **target)


def _pareto(study: Any) -> None:
    from optuna.visualization.matplotlib import plot_pareto_front

    if len(study.directions) in (2, 3):
        plot_pareto_front(study)


_OPTUNAS: dict[str, Callable[[Any], None]] = {
    "history": _history,
    "importance": _importance,
    "parallel": _parallel,
    "pareto_trials": _pareto,
}


def _of_optuna(study: SweepStudy, draw: Callable[[Any], None]) -> Figure | None:
    """What one of Optuna's plots draws; None when it draws nothing of so few or such trials."""
    import matplotlib.pyplot as plt

    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    if len(complete) < 2:
        return None
    plt.switch_backend("agg")
    plt.close("all")
    try:
        draw(study.study)
    except (ValueError, RuntimeError, ZeroDivisionError):  # such as importances of equal values
        plt.close("all")
        return None
    if not plt.get_fignums():
        return None
    figure = plt.gcf()
    figure.set_size_inches(6.4, 4.2)
    figure.set_layout_engine("tight")
    return figure


def _save(figure: Figure | None, folder: Path, name: str) -> dict[str, Path]:
    return {} if figure is None else save_figure(figure, folder, name)


def _rows(comparison: Comparison) -> Sequence[Row]:
    return [row for row in comparison.rows if not row.reference and row.cells]


def _column(comparison: Comparison, metric: str) -> Column | None:
    return next((c for c in comparison.columns if c.key == metric), None)


def _differs(rows: Sequence[Row], column: Column) -> bool:
    means = {row.cells[column.key].mean for row in rows if column.key in row.cells}
    return len(means) > 1


def _heading(column: Column) -> str:
    described = describe(column.key)
    return f"{column.title} ({described.unit})" if described.unit else column.title
