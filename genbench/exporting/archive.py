"""A finished comparison as one file, ``comparison.json``: enough to print, draw and report it again anywhere.

The file holds the table (`genbench.tables.Comparison`) and, run by run, the records without their measures: the
configuration with its presets filled in, machines, versions, seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from genbench.errors import DataError
from genbench.exporting.tidy import plain
from genbench.files import read_json, write_json
from genbench.tables import Against, Cell, Column, Comparison, Failure, Front, Row

ARCHIVE = "comparison.json"
ARCHIVE_SCHEMA = 1
"""Version of ``comparison.json``."""


@dataclass(frozen=True)
class KeptRun:
    """One run of a comparison: its row's label, its id in the store, and its record without measures."""

    label: str
    id: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Archived:
    """A comparison read back: the folder where its figures are, its table, its runs in order of row and seed."""

    folder: Path
    table: Comparison
    runs: Sequence[KeptRun]


def write_archive(table: Comparison, runs: Sequence[KeptRun], folder: Path) -> Path:
    """Write ``comparison.json`` into ``folder`` and return its path. What is not finite becomes null.

    Raises:
        GenbenchError: when the folder cannot be written or the disk is full.
    """
    kept = [{"label": run.label, "run": run.id, "record": _without_measures(run.record)} for run in runs]
    content = {"schema": ARCHIVE_SCHEMA, "kind": "comparison", "table": asdict(table), "runs": kept}
    return write_json(folder / ARCHIVE, plain(content))


def read_archive(folder: Path) -> Archived:
    """Read what `write_archive` wrote; null values of cells come back as NaN.

    Raises:
        DataError: when the file is missing, damaged or of another version, naming it.
    """
    path = folder / ARCHIVE
    content = read_json(path)
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != ARCHIVE_SCHEMA:
        raise DataError(f"{path}: is of schema {schema!r}, which this genbench does not know: compare again")
    try:
        table = _table(content["table"])
        runs = [KeptRun(str(run["label"]), str(run["run"]), dict(run["record"])) for run in content["runs"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__} {error}"
        raise DataError(f"{path}: not a comparison that genbench wrote ({reason}): compare again") from None
    return Archived(folder, table, runs)


def _without_measures(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "metrics"}


def _table(content: Mapping[str, Any]) -> Comparison:
    """The table from its JSON. Raises `KeyError`, `TypeError` or `ValueError` when it is something else."""
    table = _known(Comparison, content)
    table["columns"] = [Column(**_known(Column, column)) for column in table["columns"]]
    table["rows"] = [_row(row) for row in table["rows"]]
    table["fronts"] = [Front(**_known(Front, front)) for front in table.get("fronts", ())]
    return Comparison(**table)


def _row(content: Mapping[str, Any]) -> Row:
    row = _known(Row, content)
    row["cells"] = {str(key): _cell(cell) for key, cell in row["cells"].items()}
    row["failures"] = [Failure(**_known(Failure, failure)) for failure in row.get("failures", ())]
    return Row(**row)


def _cell(content: Mapping[str, Any]) -> Cell:
    cell = _known(Cell, content)
    cell["mean"] = _float(cell["mean"])
    cell["values"] = [_float(value) for value in cell["values"]]
    against = cell.get("against")
    cell["against"] = Against(**_known(Against, against)) if against is not None else None
    return Cell(**cell)


def _known(kind: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that ``kind`` has a field for: later versions may add some."""
    return {entry.name: content[entry.name] for entry in fields(kind) if entry.name in content}


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
