"""The table for programs: a tidy frame, one line a row and measure, and the JSON object of schema 1."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from genbench.tables import SCHEMA, Cell, Column, Comparison, Row

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
)


def to_frame(comparison: Comparison) -> pd.DataFrame:
    """One line for each row and column, with the columns `FIELDS`.

    ``values`` are the repetitions joined by ``;`` with all their digits; ``identity`` is a JSON object. What a row
    could not measure is there as NaN, so that failures stay visible; reference rows, which have ``seeds`` 0, list what
    they have. Numbers are neither rounded nor scaled.
    """
    lines = [
        _line(row, column, row.cells.get(column.key))
        for row in comparison.rows
        for column in comparison.columns
        if column.key in row.cells or not row.reference
    ]
    return pd.DataFrame.from_records(lines, columns=list(FIELDS)).astype(
        {
            "seeds": "int64",
            "failed": "int64",
            "mean": "float64",
            "low": "float64",
            "high": "float64",
            "ceiling": "float64",
        }
    )


def to_json(comparison: Comparison, files: Mapping[str, str | Path]) -> dict[str, Any]:
    """The object that ``--format json`` prints; strict JSON, so what is not finite becomes null.

    Rows are what ran. What real pictures score stands beside each value as its ``ceiling`` where it has one; a row with
    failed seeds has their ``reasons``.
    """
    return {
        "schema": SCHEMA,
        "task": unicode(comparison.task),
        "dataset": unicode(comparison.dataset),
        "rows": [_record(row, comparison) for row in comparison.rows if not row.reference],
        "files": {name: unicode(str(path)) for name, path in files.items()},
    }


def unicode(text: str) -> str:
    r"""``text`` as valid Unicode: undecodable bytes of a command line (lone surrogates) become ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _line(row: Row, column: Column, cell: Cell | None) -> dict[str, Any]:
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
        "identity": json.dumps(_plain(column.identity), sort_keys=True, ensure_ascii=False, allow_nan=False),
    }


def _record(row: Row, comparison: Comparison) -> dict[str, Any]:
    record: dict[str, Any] = {
        "label": unicode(row.label),
        "family": unicode(row.family),
        "preset": unicode(row.preset),
        "seeds": row.seeds,
        "failed": row.failed,
        "metrics": {
            column.key: _measure(row.cells[column.key], column)
            for column in comparison.columns
            if column.key in row.cells
        },
    }
    if row.reasons:
        record["reasons"] = [unicode(reason) for reason in row.reasons]
    return record


def _measure(cell: Cell, column: Column) -> dict[str, Any]:
    measure = {
        "mean": _plain(cell.mean),
        "low": _plain(cell.low),
        "high": _plain(cell.high),
        "values": _plain(list(cell.values)),
        "identity": _plain(column.identity),
    }
    return measure if cell.ceiling is None else {**measure, "ceiling": _plain(cell.ceiling)}


def _plain(value: Any) -> Any:
    """``value`` in the types of strict JSON."""
    if isinstance(value, Mapping):
        return {unicode(str(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, str):
        return unicode(value)
    if value is None or isinstance(value, bool | int):
        return value
    number = float(value)  # floats, and NumPy's scalars
    return number if math.isfinite(number) else None
