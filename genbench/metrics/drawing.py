"""Figures and tables of metrics: each object's accuracy, confusions, and the pictures closest to training pictures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genbench.data.base import UInt8Array
from genbench.evaluators.scoring import confusion
from genbench.files import whole_file
from genbench.metrics.conditional import Scored
from genbench.metrics.frechet import Array

DPI = 150
LABELLED = 12
"""Most objects whose cells have their numbers printed in them."""


def write_objects(scored: Scored, names: Sequence[str], path: Path) -> Path:
    """A CSV with a line an object: how often it was asked for, its accuracy, and real pictures' (the ceiling)."""
    made, real = _tables(scored)
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["object", "asked", "accuracy", "ceiling", "most often seen in its place"])
        for index, name in enumerate(names):
            rest = np.where(np.arange(len(names)) == index, 0, made[index])
            instead = names[int(rest.argmax())] if rest.any() else ""
            writer.writerow([name, round(made[index].sum()), *(_own(table, index) for table in (made, real)), instead])
    return path


def draw_confusion(scored: Scored, names: Sequence[str], path: Path) -> Path:
    """A PNG and a PDF of what was asked for against what the referee saw, in generated and in real pictures."""
    tables = _tables(scored)
    edge = max(2.6, 0.22 * len(names) + 1.2)
    figure = _figure((2 * edge + 1.9, edge + 0.5))
    axes = figure.subplots(1, 2)
    for axis, table, title in zip(axes, tables, ("generated", "real, held out"), strict=True):
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
        drawn = axis.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names if axis is axes[0] else [], fontsize=7)
        axis.set_xlabel("seen by the referee", fontsize=8)
        axis.set_title(title, fontsize=9)
        if len(names) <= LABELLED:
            _print_shares(axis, shares)
    axes[0].set_ylabel("asked for", fontsize=8)
    bar = figure.colorbar(drawn, ax=list(axes), shrink=0.8)
    bar.set_label("share of those asked for", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return _save(figure, path)


def draw_pairs(pairs: Sequence[tuple[UInt8Array, UInt8Array, float]], path: Path) -> Path:
    """A PNG and a PDF of generated pictures [H, W, C] above their nearest training pictures.

    Args:
        pairs: generated picture, training picture, and their distance in units of the mean of held-out pictures.
        path: the PNG.
    """
    figure = _figure((1.0 * len(pairs) + 1.2, 2.75))
    axes = figure.subplots(2, len(pairs), squeeze=False)
    for column, (made, known, distance) in enumerate(pairs):
        for axis, picture in zip(axes[:, column], (made, known), strict=True):
            grey = picture.shape[-1] == 1
            options: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}
            axis.imshow(picture[..., 0] if grey else picture, interpolation="nearest", **options)
            axis.set(xticks=[], yticks=[])
        axes[0, column].set_title(f"{distance:.2f}", fontsize=8)
    for axis, label in zip(axes[:, 0], ("generated", "nearest\ntraining"), strict=True):
        axis.set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    figure.suptitle("Closest to training pictures (1 = as far as a held-out picture is on average)", fontsize=9)
    return _save(figure, path)


def _tables(scored: Scored) -> tuple[Array, Array]:
    return (
        confusion(scored.logits, scored.conditions),
        confusion(scored.real_logits, scored.real_conditions),
    )


def _own(table: Array, index: int) -> str:
    """An object's accuracy, or nothing where it was never asked for."""
    asked = table[index].sum()
    return f"{table[index, index] / asked:.4f}" if asked > 0 else ""


def _print_shares(axis: Any, shares: Array) -> None:
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        value = shares[row, column]
        text = "1" if value >= 0.995 else f"{value:.2f}".lstrip("0")
        axis.text(column, row, text, ha="center", va="center", fontsize=6, color="black" if value > 0.6 else "white")


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> Path:
    """Write the PNG, and a PDF beside it; dates are left out, so that the same figure is the same file."""
    for target in (path.with_suffix(".pdf"), path):
        with whole_file(target) as part:
            kind = target.suffix[1:]
            metadata = {"CreationDate": None} if kind == "pdf" else {}
            figure.savefig(part, format=kind, dpi=DPI, metadata=metadata)
    return path
