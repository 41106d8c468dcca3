"""The curves of a training: what was logged, over steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genbench.errors import DataError
from genbench.exporting.plotting import COLOURS
from genbench.files import whole_file

History = Mapping[str, tuple[Sequence[int], Sequence[float]]]
"""Steps and values of each scalar, as `genbench.keeping.read_history` gives them."""

SMOOTHING = 50
"""A curve is drawn bold as its mean over so many equal stretches of training, above all its values, drawn pale."""
_STYLES = ("-", "--", "-.", ":")
_COLUMNS = 2


def draw_curves(history: History, folder: Path, *, title: str, name: str = "curves") -> list[Path]:
    """Draw every scalar over steps, losses in one panel, accuracies in one, each other scalar in its own.

    Args:
        history: what training logged.
        folder: gets ``name``.png and ``name``.pdf.
        title: above everything.
        name: of the files.

    Raises:
        DataError: when nothing was logged.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = grouped(list(history))
    if not panels:
        raise DataError("training logged nothing: there are no curves to draw")
    lines = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(4.6 * min(len(panels), _COLUMNS), 0.5 + 2.8 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = list(figure.subplots(lines, min(len(panels), _COLUMNS), squeeze=False).flat)
    for axis, (heading, names) in zip(axes, panels.items(), strict=False):
        _panel(axis, heading, {each: history[each] for each in names})
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    paths = []
    for ending, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        with whole_file(folder / f"{name}.{ending}") as part:
            figure.savefig(part, format=ending, dpi=120, metadata=metadata)
        paths.append(folder / f"{name}.{ending}")
    return paths


def grouped(names: Sequence[str]) -> dict[str, list[str]]:
    """Panel headings and the scalars in each, in the order in which they were logged."""
    panels: dict[str, list[str]] = {}
    for name in names:
        heading = next((kind for kind in ("loss", "accuracy") if kind in name), name)
        panels.setdefault(heading, []).append(name)
    return panels


def stretches(
    steps: Sequence[int], values: Sequence[float], count: int = SMOOTHING
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean step and mean value of each of ``count`` equal stretches, or of every value where there are no more."""
    parts = [np.asarray(part) for part in np.array_split(np.arange(len(steps)), min(count, len(steps)))]
    places, heights = np.asarray(steps, float), np.asarray(values, float)
    return np.array([places[part].mean() for part in parts]), np.array([heights[part].mean() for part in parts])


def _panel(axis: Any, heading: str, scalars: History) -> None:
    for index, (name, (steps, values)) in enumerate(scalars.items()):
        colour, style = COLOURS[index % len(COLOURS)], _STYLES[index % len(_STYLES)]
        if len(steps) > SMOOTHING:
            axis.plot(steps, values, color=colour, alpha=0.2, linewidth=0.6, rasterized=True)
        marker = "o" if len(steps) <= SMOOTHING // 2 else None
        axis.plot(
            *stretches(steps, values),
            color=colour,
            linestyle=style,
            label=name,
            marker=marker,
            markersize=3,
            linewidth=1.6,
        )
    axis.set_title(heading, fontsize=10)
    axis.set_xlabel("step", fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3, linewidth=0.5)
    if heading == "accuracy":
        axis.set_ylim(-0.02, 1.02)
    elif heading == "loss":
        _cap(axis, scalars)
    if len(scalars) > 1:
        axis.legend(fontsize=8, frameon=False)


def _cap(axis: Any, scalars: History) -> None:
    """Losses start high: let the first values leave the panel rather than flatten the rest."""
    late = np.concatenate([np.asarray(values, float)[len(values) // 50 :] for _, values in scalars.values()])
    low, high = np.quantile(late, [0.0, 0.995])
    margin = 0.05 * (high - low) or 0.1
    axis.set_ylim(low - margin, high + margin)
