"""What training logged, of all rows together: one panel a scalar, one line a row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genbench.exporting.curves import SMOOTHING, History, stretches
from genbench.exporting.escaping import visible
from genbench.exporting.lettering import in_lines, legend_columns, legend_inches, short_names, unmarked
from genbench.exporting.plotting import Look, figure_style, looks, save_figure, tidy_axis
from genbench.tables import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Histories = Mapping[str, Mapping[int, History]]
"""What each run logged, by row label and repetition."""

_ACROSS = 3  # panels side by side
_PANEL = (2.7, 2.1)  # inches
_MOST = 9  # panels
_CAPTION = "bold: mean over seeds; pale: single seeds; losses of different families are no measure of which is better"
_FIRST = ("loss", "accuracy", "lambda")
"""Scalars with these in their names come first,"""
_LAST = ("grad", "lr")
"""and with these last."""


def draw_losses(comparison: Comparison, histories: Histories, folder: Path) -> dict[str, Path]:
    """Draw every scalar of training over steps as ``curves.png`` and ``curves.pdf``: losses first, then the others.

    A bold line is a row's mean over its seeds, smoothed over stretches of training; pale ones are the seeds.

    Returns:
        The files by the names ``curves`` and ``curves_pdf``; none when there is nothing to draw.

    Raises:
        GenbenchError: when a file cannot be written.
    """
    names = panels(histories)
    if not names:
        return {}
    from matplotlib.figure import Figure

    across = min(_ACROSS, len(names))
    down = -(-len(names) // across)
    looking = looks(comparison.rows)
    with figure_style():
        named = {label: unmarked(text) for label, text in short_names(comparison.rows).items()}
        inches = _PANEL[0] * max(across, 2)
        below = legend_inches([named[label] for label in histories if label in named], inches)
        figure = Figure(figsize=(inches, 0.75 + below + _PANEL[1] * down), layout="constrained", dpi=200)
        axes = list(figure.subplots(down, across, squeeze=False).flat)
        for axis, each in zip(axes, names, strict=False):
            for label, runs in histories.items():
                if label in looking:
                    _line(axis, [run[each] for run in runs.values() if each in run], looking[label], named[label])
            _finish(axis, each)
        for axis in axes[len(names) :]:
            axis.set_axis_off()
        figure.suptitle(in_lines(comparison.title, inches, 9), fontsize=9, parse_math=False)
        shown = {text: line for axis in axes for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
        figure.legend(
            list(shown.values()),
            list(shown),
            loc="outside lower center",
            ncols=legend_columns(list(shown), inches),
            fontsize=8,
            frameon=False,
            title=in_lines(_CAPTION, inches, 7),
            title_fontproperties={"size": 7},
        )
        return save_figure(figure, folder, "curves")


def panels(histories: Histories) -> list[str]:
    """Names of the scalars that are drawn, losses first, at most nine."""
    names = dict.fromkeys(each for runs in histories.values() for run in runs.values() for each in run)
    return sorted(names, key=_rank)[:_MOST]


def _rank(name: str) -> int:
    if any(part in name for part in _LAST):
        return len(_FIRST) + 1
    return next((place for place, part in enumerate(_FIRST) if part in name), len(_FIRST))


def mean_curve(
    runs: Sequence[tuple[Sequence[int], Sequence[float]]], count: int = SMOOTHING
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The mean over seeds of a scalar: each seed's means over ``count`` stretches, averaged stretch by stretch.

    Seeds that logged fewer values make the curve as coarse as they are.
    """
    stretched = [stretches(*run, count=min(count, *(len(steps) for steps, _ in runs))) for run in runs]
    steps, values = (np.stack([pair[part] for pair in stretched]).mean(axis=0) for part in (0, 1))
    return steps, values


def _line(axis: Axes, runs: Sequence[tuple[Sequence[int], Sequence[float]]], look: Look, label: str) -> None:
    runs = [run for run in runs if len(run[0])]
    if not runs:
        return
    if len(runs) > 1:
        for run in runs:
            axis.plot(*stretches(*run), color=look.colour, alpha=0.3, linewidth=0.7, zorder=1)
    steps, values = mean_curve(runs)
    every = 1 if len(steps) <= SMOOTHING // 2 else len(steps) // 6
    line: dict[str, Any] = {
        "color": look.colour,
        "linestyle": look.dash,
        "linewidth": 1.5,
        "markersize": 4,
        "markevery": every,
    }
    axis.plot(steps, values, label=label, **line, **look.points)


def _finish(axis: Axes, name: str) -> None:
    axis.set_title(visible(name), fontsize=8, parse_math=False)
    axis.set_xlabel("step", fontsize=7)
    axis.tick_params(labelsize=7)
    axis.yaxis.get_offset_text().set_fontsize(6)
    tidy_axis(axis)
    lines = [np.asarray(line.get_ydata(), float) for line in axis.get_lines()]
    values = np.concatenate(lines) if lines else np.zeros(0)
    values = values[np.isfinite(values)]
    if "loss" in name and len(values) and not math.isclose(values.min(), values.max()):
        late = np.concatenate([line[len(line) // 50 :] for line in lines])
        low, high = np.quantile(late[np.isfinite(late)], [0.0, 0.995])
        margin = 0.06 * (high - low) or 0.1
        axis.set_ylim(low - margin, high + margin)
