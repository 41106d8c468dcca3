"""Comparisons to print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genbench.statistics import t_interval
from genbench.tables import Cell, Column, Comparison, Row

REFEREE = {"metric": "accuracy", "evaluator": "digits-referee", "weights": "0123456789abcdef" * 4, "pictures": 360}
COLUMNS = (
    Column("accuracy", "Accuracy", "", "higher", REFEREE, "evaluator digits-referee, pictures 360"),
    Column("exact_set", "Exact set", "", "higher", REFEREE, "evaluator digits-referee, pictures 360"),
    Column("fid", "FID", "", "lower", {"metric": "fid", "resize": None}, "referee's features"),
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
