"""The table for programs: a tidy frame, one line a row and measure, and the JSON object of schema 1.

Fields that later versions add are at the end, so that programs written for earlier ones go on reading.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.exporting.layout import best
from genbench.tables import SCHEMA, Cell, Column, Comparison, Row

if TYPE_CHECKING:  # pandas takes a while to import, and comparisons that are done need none
    import pandas as pd

FIELDS = (
    "label",
    "family",
    "preset",
    "seeds",
    "failed",
    "metric",
    "mean",
    "low",
    "high",
    "ceiling",
    "values",
    "unit",
    "identity",
    "repetitions",
    "covers",
    "best",
    "against",
    "difference",
    "difference_low",
    "difference_high",
    "p_value",
    "distinguishable",
    "diverged",
    "selection",
    "marks",
    "budget",
    "pareto",
)
_NUMBERS = ("mean", "low", "high", "ceiling", "difference", "difference_low", "difference_high", "p_value")


def to_frame(comparison: Comparison) -> pd.DataFrame:
    """One line for each row and column, with the columns `FIELDS`.

    ``values`` are the repetitions joined by ``;`` with all their digits, ``repetitions`` their seeds; ``identity`` is a
    JSON object. What a row could not measure is there as NaN, so that failures stay visible; reference rows, which have
    ``seeds`` 0, list what they have. Numbers are neither rounded nor scaled.

    ``covers`` says what the interval takes into account (``seeds``, ``reference set``, or ``resampling`` of one run);
    ``difference`` to the row ``against`` has its own interval, and ``p_value`` is adjusted for all comparisons of the
    measure. ``pareto`` is true for rows on the front of the headline measure against sampling time.
    """
    import pandas as pd

    lines = [
        _line(row, column, row.cells.get(column.key), comparison)
        for row in comparison.rows
        for column in comparison.columns
        if column.key in row.cells or not row.reference
    ]
    types = {"seeds": "int64", "failed": "int64", "diverged": "int64"} | dict.fromkeys(_NUMBERS, "float64")
    return pd.DataFrame.from_records(lines, columns=list(FIELDS)).astype(types)


def to_json(comparison: Comparison, files: Mapping[str, str | Path]) -> dict[str, Any]:
    """The object that ``--format json`` prints; strict JSON, so what is not finite becomes null.

    Rows are what ran. What real pictures score stands beside each value as its ``ceiling`` where it has one; a row with
    failed seeds has their ``reasons``. The ``fronts`` are Pareto fronts; a row's ``pareto`` is about the first of them.
    """
    return {
        "schema": SCHEMA,
        "task": unicode(comparison.task),
        "dataset": unicode(comparison.dataset),
        "rows": [_record(row, comparison) for row in comparison.rows if not row.reference],
        "files": {name: unicode(str(path)) for name, path in files.items()},
        "title": unicode(comparison.title),
        "interval": comparison.interval,
        "fronts": [
            {"quality": front.quality, "cost": front.cost, "rows": [unicode(label) for label in front.rows]}
            for front in comparison.fronts
        ],
        "notes": [unicode(note) for note in comparison.notes],
    }


def unicode(text: str) -> str:
    r"""``text`` as valid Unicode: undecodable bytes of a command line (lone surrogates) become ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _line(row: Row, column: Column, cell: Cell | None, comparison: Comparison) -> dict[str, Any]:
    against = cell.against if cell else None
    return {
        "label": unicode(row.label),
        "family": unicode(row.family),
        "preset": unicode(row.preset),
        "seeds": row.seeds,
        "failed": row.failed,
        "metric": column.key,
        "mean": cell.mean if cell else None,
        "low": cell.low if cell else None,
        "high": cell.high if cell else None,
        "ceiling": cell.ceiling if cell else None,
        "values": ";".join(repr(float(value)) for value in cell.values) if cell else "",
        "unit": column.unit,
        "identity": json.dumps(plain(column.identity), sort_keys=True, ensure_ascii=False, allow_nan=False),
        "repetitions": ";".join(map(str, cell.repetitions)) if cell else "",
        "covers": ";".join(cell.covers) if cell else "",
        "best": row.label in best(comparison, column),
        "against": unicode(against.row) if against else "",
        "difference": against.difference if against else None,
        "difference_low": against.low if against else None,
        "difference_high": against.high if against else None,
        "p_value": against.p_value if against else None,
        "distinguishable": str(against.distinguishable) if against else "",
        "diverged": _diverged(row),
        "selection": "" if row.reference else row.selection,
        "marks": "; ".join(unicode(mark) for mark in row.marks),
        "budget": row.budget,
        "pareto": _on_front(row, comparison),
    }


def _record(row: Row, comparison: Comparison) -> dict[str, Any]:
    record: dict[str, Any] = {
        "label": unicode(row.label),
        "family": unicode(row.family),
        "preset": unicode(row.preset),
        "seeds": row.seeds,
        "failed": row.failed,
        "metrics": {
            column.key: _measure(row, column, comparison) for column in comparison.columns if column.key in row.cells
        },
        "diverged": _diverged(row),
        "selection": row.selection,
        "marks": [unicode(mark) for mark in row.marks],
        "budget": row.budget,
        "pareto": _on_front(row, comparison),
    }
    if row.reasons:
        record["reasons"] = [unicode(reason) for reason in row.reasons]
    if row.failures:
        record["failures"] = [
            {"seed": failure.seed, "status": failure.status, "reason": unicode(failure.reason)}
            for failure in row.failures
        ]
    return record


def _measure(row: Row, column: Column, comparison: Comparison) -> dict[str, Any]:
    cell = row.cells[column.key]
    measure = {
        "mean": plain(cell.mean),
        "low": plain(cell.low),
        "high": plain(cell.high),
        "values": plain(list(cell.values)),
        "identity": plain(column.identity),
        "better": column.better,
        "unit": column.unit,
        "best": row.label in best(comparison, column),
    }
    if cell.ceiling is not None:
        measure["ceiling"] = plain(cell.ceiling)
    for key in ("repetitions", "covers"):
        if getattr(cell, key):
            measure[key] = list(getattr(cell, key))
    for key in ("stderr_generated", "stderr_reference"):
        if any(error is not None for error in getattr(cell, key)):
            measure[key] = plain(list(getattr(cell, key)))
    if cell.against is not None:
        measure["against"] = plain(asdict(cell.against))
    return measure


def _diverged(row: Row) -> int:
    return sum(failure.status == "diverged" for failure in row.failures)


def _on_front(row: Row, comparison: Comparison) -> bool:
    return bool(comparison.fronts) and row.label in comparison.fronts[0].rows


def plain(value: Any) -> Any:
    """``value`` in the types of strict JSON."""
    if isinstance(value, Mapping):
        return {unicode(str(key)): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, str):
        return unicode(value)
    if value is None or isinstance(value, bool | int):
        return value
    number = float(value)  # floats, and NumPy's scalars
    return number if math.isfinite(number) else None
