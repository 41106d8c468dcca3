"""Comparisons to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genbench.statistics import t_interval
from genbench.tables import Against, Cell, Column, Comparison, Failure, Front, Row

REFEREE = {"metric": "accuracy", "evaluator": "digits-referee", "weights": "0123456789abcdef" * 4, "pictures": 360}
COLUMNS = (
    Column("accuracy", "Accuracy", "", "higher", REFEREE),
    Column("exact_set", "Exact set", "", "higher", REFEREE),
    Column("fid", "FID", "", "lower", {"metric": "fid", "resize": None}, "smaller is closer to real pictures"),
    Column("train_s", "Training", "s", "lower", {"machine": "cpu"}),
    Column("sample_s", "Sampling a picture", "s", "lower", {"machine": "cpu"}),
    Column("parameters", "Parameters"),
    Column("peak_memory_mb", "Peak memory", "MB", "lower"),
    Column("train_flop", "Training operations", "FLOP", "lower", minor=True),
)
TYPICAL = {
    "accuracy": (0.951, 0.006),
    "exact_set": (0.93, 0.008),
    "fid": (24.0, 1.5),
    "train_s": (61.0, 2.0),
    "sample_s": (0.0123, 0.001),
    "parameters": (1234567.0, 0.0),
    "peak_memory_mb": (512.0, 2.0),
    "train_flop": (2.1e13, 1e10),
}
HOSTILE = (
    r"a\b{c}%$#&_^~",
    "[red]x|y*[/red] <b>`--?`",
    "*é λ 中文 \u00ad\u202e\x1b[31m\nX ± \udcff",
    '"quoted" \\input{/etc/passwd} \\end{table} 🚀 Ångström ą',
)


def cell(values: Sequence[float], ceiling: float | None = None) -> Cell:
    interval = t_interval(values)
    return Cell(interval.mean, interval.low, interval.high, list(values), ceiling)


def comparison(
    labels: Sequence[str] = ("ddpm", "cgan"), *, seeds: int = 3, failed: int = 0, real: bool = True
) -> Comparison:
    """A table over `COLUMNS`; the last row has lost ``failed`` of its seeds."""
    rng = np.random.default_rng(0)
    rows = []
    for position, label in enumerate(labels):
        lost = failed if position == len(labels) - 1 else 0
        cells = {}
        for column in COLUMNS if lost < seeds else ():
            mean, spread = TYPICAL[column.key]
            values = mean * (1 - 0.05 * position) + spread * rng.normal(size=seeds - lost)
            ceiling = 0.994 if column.identity is REFEREE else None
            cells[column.key] = cell([float(v) if spread else float(round(v)) for v in values], ceiling)
        reasons = ("loss is not finite at step 120",) * lost
        rows.append(Row(label, f"family{position}", "quick", seeds, lost, cells, ("run",) * (seeds - lost), reasons))
    if real:
        score = {key: Cell(value, None, None, [value]) for key, value in (("accuracy", 0.994), ("fid", 1.84))}
        rows.append(Row("real data", "", "", 0, 0, score, reference=True))
    return Comparison(
        "digits-quick",
        "digits at 16×16, 3 seeds",
        "generation",
        "digits",
        16,
        COLUMNS,
        rows,
        ["mean ± half width of the 95 % t interval over 3 seeds"],
        "genbench compare ddpm cgan",
    )


def marked() -> Comparison:
    """Two rows; the second diverged once, is chosen by validation, guided, and not distinguishable from the first."""
    table = comparison(failed=1)
    first, second, real = table.rows
    against = Against("ddpm", -0.02, -0.1, 0.06, 0.31, 2, distinguishable=False)
    cells = {
        key: replace(cell, against=replace(against, p_value=0.01, distinguishable=True) if key == "fid" else against)
        for key, cell in second.cells.items()
        if key != "parameters"
    }
    failure = Failure(2, "diverged", "loss is not finite at step 120")
    second = replace(second, cells=cells, selection="validation", marks=("evaluator-guided",), failures=(failure,))
    columns = [column for column in COLUMNS if column.key in ("accuracy", "fid", "train_s", "sample_s", "train_flop")]
    return replace(
        table,
        rows=[first, second, real],
        columns=columns,
        fronts=[Front("fid", "sample_s", ["ddpm"]), Front("fid", "train_s", ["ddpm", "cgan"])],
    )


def resampled() -> Comparison:
    """One seed, with the interval of its own resampling."""
    table = comparison(["ddpm"], seeds=1)
    row = table.rows[0]
    fid = replace(row.cells["fid"], low=20.0, high=27.5, covers=("resampling",))
    return replace(table, rows=[replace(row, cells={**row.cells, "fid": fid})])
