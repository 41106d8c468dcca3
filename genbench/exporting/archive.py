"""A finished comparison as one file, ``comparison.json``: enough to print, draw and report it again anywhere.

The file holds the table (`genbench.tables.Comparison`) and, run by run, the records without their measures: the
configuration with its presets filled in, machines, versions, seeds.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from genbench.errors import DataError
from genbench.exporting.tidy import plain
from genbench.files import file_hash, read_json, write_json
from genbench.hashing import content_hash
from genbench.tables import Comparison

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
    """A comparison read back.

    Attributes:
        folder: where its figures are.
        table: its table.
        runs: in order of row and seed.
        pictures: names of the PNG files that it left in ``folder``; None where it is too old to say.
    """

    folder: Path
    table: Comparison
    runs: Sequence[KeptRun]
    pictures: Sequence[str] | None = None


def write_archive(
    table: Comparison, runs: Sequence[KeptRun], folder: Path, files: Mapping[str, Path] | None = None
) -> Path:
    """Write ``comparison.json`` into ``folder`` and return its path. What is not finite becomes null.

    The pictures that lie in ``folder`` by then are listed, so that one that is lost later is missed; and the ``files``
    that were made of the comparison, so that `finished_files` can tell that they need not be made again.

    Raises:
        GenbenchError: when the folder cannot be written or the disk is full.
    """
    named = {name: path.name for name, path in (files or {}).items()}
    pictures = sorted(path.name for path in folder.glob("*.png"))
    content = _content(table, runs) | {"pictures": pictures, "files": named, "writer": _writer()}
    return write_json(folder / ARCHIVE, content)


def finished_files(table: Comparison, runs: Sequence[KeptRun], folder: Path) -> dict[str, Path] | None:
    """The files that were made of this very comparison by this very code, by name; None unless all are there."""
    try:
        known = read_json(folder / ARCHIVE)
    except DataError:
        return None
    if not isinstance(known, dict) or known.get("writer") != _writer() or not isinstance(known.get("files"), dict):
        return None
    if {key: known.get(key) for key in ("schema", "kind", "table", "runs")} != _content(table, runs):
        return None
    files = {str(name): folder / str(file) for name, file in known["files"].items()}
    return files | {"comparison": folder / ARCHIVE} if all(path.is_file() for path in files.values()) else None


def _content(table: Comparison, runs: Sequence[KeptRun]) -> dict[str, Any]:
    kept = [{"label": run.label, "run": run.id, "record": _without_measures(run.record)} for run in runs]
    content = {"schema": ARCHIVE_SCHEMA, "kind": "comparison", "table": asdict(table), "runs": kept}
    whole: dict[str, Any] = json.loads(json.dumps(plain(content)))
    return whole


@cache
def _writer() -> str:
    """A hash of the code that makes tables and figures."""
    return content_hash({path.name: file_hash(path) for path in sorted(Path(__file__).parent.glob("*.py"))})


def read_archive(folder: Path) -> Archived:
    """Read what `write_archive` wrote; null values of cells come back as NaN, and what later versions add is left out.

    Raises:
        DataError: when the file is missing, damaged or of another version, naming it and the entry that is wrong.
    """
    path = folder / ARCHIVE
    content = plain(read_json(path))  # text that is no Unicode, too, is shown
    if not isinstance(content, dict) or "schema" not in content:
        raise DataError(f"{path}: not a comparison that genbench wrote: compare again")
    if content["schema"] != ARCHIVE_SCHEMA:
        raise DataError(f"{path}: is of schema {content['schema']!r}, which this genbench does not know: compare again")
    for cell in _cells(content.get("table")):
        _restore(cell)
    try:
        whole = _checked().validate_json(json.dumps(content), strict=True)  # strict, yet objects become dataclasses
    except ValidationError as error:
        raise DataError(f"{path}: not a comparison that genbench wrote ({_problem(error)}): compare again") from None
    if not re.fullmatch(r"[\w.-]{1,200}", name := whole["table"].name) or not name.strip("."):
        raise DataError(f"{path}: table.name {name!r:.60} is not the name of a folder: correct it")
    runs = [KeptRun(entry["label"], entry["run"], entry["record"]) for entry in whole["runs"]]
    return Archived(folder, whole["table"], runs, whole.get("pictures"))


class _Stage(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    machine: dict[str, Any]
    finished: str
    genbench: str


class _Record(TypedDict, total=False):
    """What reports read of a run's record; all else in it is kept as it is."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    family: str
    preset: str
    repetition: int
    train_config: dict[str, Any]
    sample_config: dict[str, Any]
    selection: dict[str, Any] | None
    stages: dict[str, _Stage]


class _Run(TypedDict):
    label: str
    run: str
    record: _Record


class _Whole(TypedDict):
    table: Comparison
    runs: list[_Run]
    pictures: NotRequired[list[str]]


@cache
def _checked() -> TypeAdapter[_Whole]:
    return TypeAdapter(_Whole)


def _problem(error: ValidationError) -> str:
    """``table.rows.0.label: Input should be a valid string, got 5``."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    value = first["input"]
    got = "" if first["type"] == "missing" or isinstance(value, dict | list) else f", got {value!r:.60}"
    return f"{where}: {first['msg']}{got}"


def _without_measures(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "metrics"}


def _cells(table: Any) -> Iterator[dict[str, Any]]:
    """Whatever has the form of a cell in what should be a table."""
    rows = table.get("rows") if isinstance(table, dict) else None
    for row in rows if isinstance(rows, list) else ():
        cells = row.get("cells") if isinstance(row, dict) else None
        yield from (cell for cell in (cells.values() if isinstance(cells, dict) else ()) if isinstance(cell, dict))


def _restore(cell: dict[str, Any]) -> None:
    """Null becomes NaN again."""
    if cell.get("mean", 0) is None:
        cell["mean"] = math.nan
    if isinstance(cell.get("values"), list):
        cell["values"] = [math.nan if value is None else value for value in cell["values"]]
