"""Scores to gate on: of a run in the store, of a comparison, or from a JSON file that genbench wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.comparing import describe
from genbench.errors import ConfigError, DataError
from genbench.files import read_json
from genbench.plugins import nearest
from genbench.recording import RECORD_SCHEMA
from genbench.statistics import Side
from genbench.tables import SCHEMA
from genbench.tracking import Store


@dataclass(frozen=True)
class Measured:
    """One metric of one row: values and their sampling errors by repetition, identity and better direction."""

    values: Mapping[int, float]
    errors: Mapping[int, float | None]
    identity: Mapping[str, Any]
    better: str

    @property
    def side(self) -> Side:
        """What `judge` takes."""
        return Side(self.values, self.errors)


@dataclass(frozen=True)
class Scored:
    """Measures by row and name, and where they are from."""

    where: str
    rows: Mapping[str, Mapping[str, Measured]]

    def row(self, label: str) -> Mapping[str, Measured]:
        """One row's measures. Raises `ConfigError` naming the nearest one."""
        if label not in self.rows:
            raise ConfigError(f"{self.where}: no row {label!r}: {nearest(label, self.rows)}")
        return self.rows[label]


def target_scores(target: str, results: Path) -> Scored:
    """The scores of a JSON file, of a comparison (its folder's name under the results), or of a run in the store.

    Raises:
        DataError: when there is none of that name, or its file is damaged.
    """
    for path in (Path(target), results / target / "table.json"):
        if path.is_file():
            return read_scores(path)
    if not Store.exists(results):
        raise DataError(f"no comparison or run {target!r} under {results}: run it first")
    store = Store(results)
    return _scored(store.record(store.resolve(target)), f"run {target!r}")


def read_scores(path: Path) -> Scored:
    """The scores of what ``compare``, ``run`` or ``evaluate`` printed as JSON, or ``gate --write-baseline`` wrote.

    Raises:
        DataError: when the file is missing, damaged or something else.
    """
    return _scored(read_json(path), str(path))


def compared(new: Scored, old: Scored, row: str | None) -> list[tuple[str, str]]:
    """Which rows to hold against which: one against one; else every row of the baseline against its namesake.

    Raises:
        ConfigError: when ``row`` or a row of the baseline is not there.
    """
    if row is not None:
        new.row(row)
        return [(row, row if len(old.rows) > 1 or row in old.rows else next(iter(old.rows)))]
    if len(new.rows) == len(old.rows) == 1:
        return [(next(iter(new.rows)), next(iter(old.rows)))]
    for label in old.rows:
        new.row(label)
    return [(label, label) for label in old.rows]


def _scored(content: Any, where: str) -> Scored:
    schema = content.get("schema", SCHEMA) if isinstance(content, dict) else SCHEMA
    if schema not in (SCHEMA, RECORD_SCHEMA):
        raise DataError(f"{where}: is of schema {schema!r}, which this genbench does not know: make it again")
    try:
        rows = content.get("rows", [content])
        scored = {
            _label(row): {k: _measured(k, entry, row, where) for k, entry in row["metrics"].items()} for row in rows
        }
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise DataError(f"{where}: no scores that genbench wrote: give the JSON of compare, run or evaluate") from None
    if not scored:
        raise DataError(f"{where}: has no rows")
    return Scored(where, scored)


def _label(row: Mapping[str, Any]) -> str:
    """A comparison's row by its label, a run by its family."""
    return str(row["family"] if "repetition" in row else row.get("label", ""))


def _measured(name: str, entry: Mapping[str, Any], row: Mapping[str, Any], where: str) -> Measured:
    """A comparison's measure, or a run's single value; what is not finite (null in JSON) is left out."""
    if "values" in entry:
        values = entry["values"]
        repetitions = entry.get("repetitions") or range(len(values))
        errors = entry.get("stderr_generated") or [None] * len(values)
    else:
        values, repetitions = [entry["value"]], [row.get("repetition", 0)]
        errors = [entry.get("stderr_generated")]
    found = [(k, v, e) for k, v, e in zip(repetitions, values, errors, strict=True) if v is not None]
    better = describe(name).better
    if {better, entry.get("better", better)} == {"higher", "lower"}:
        raise DataError(f"{where}: says that {entry['better']} {name} is better, but it is {better}: make it again")
    if not all(e is None or (math.isfinite(e) and e >= 0) for _, _, e in found):
        raise ValueError("an error that is no amount")
    return Measured(
        {int(k): float(v) for k, v, _ in found if math.isfinite(v)},
        {int(k): e for k, v, e in found if math.isfinite(v)},
        dict(entry["identity"]),
        str(entry.get("better") or better),
    )
