"""What the template shows, as plain values: nothing is computed, only chosen, named and put in order."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genbench.exporting.archive import Archived, KeptRun
from genbench.exporting.escaping import visible
from genbench.exporting.layout import (
    ARROWS,
    SEEDS,
    Heading,
    best,
    cell_marks,
    notes,
    ordered_rows,
    remark_letters,
    seeds,
    shown_columns,
)
from genbench.exporting.numbers import MISSING, Scale, column_scale, number
from genbench.reporting.pictures import Gallery, galleries
from genbench.reporting.verdict import Verdict, name_of, verdict
from genbench.tables import Column, Comparison, Row

_SPOKEN = {"higher": "higher is better", "lower": "lower is better", "neither": ""}
_FIRST = {"higher": "descending", "lower": "ascending", "neither": "ascending"}
_MACHINE = {"memory_gb": "memory (GB)", "os": "operating system", "python": "Python", "torch": "PyTorch"}

Entries = Sequence[tuple[str, str]]
"""Names of settings and their values."""


@dataclass(frozen=True)
class ColumnView:
    """A heading, what a screen reader adds to it, and the direction in which the first click sorts."""

    text: str
    spoken: str
    first: str


@dataclass(frozen=True)
class CellView:
    """A number as printed, with all its digits for sorting (empty: not measured), its mark, whether it is best."""

    text: str
    value: str
    mark: str = ""
    best: bool = False


@dataclass(frozen=True)
class RowView:
    """A row of the table."""

    name: str
    letters: str
    reference: bool
    cells: Sequence[CellView]


@dataclass(frozen=True)
class Part:
    """Settings under a title."""

    title: str
    entries: Entries


@dataclass(frozen=True)
class Configured:
    """A row's settings, in parts with captions."""

    name: str
    parts: Sequence[tuple[str, Entries]]


@dataclass(frozen=True)
class View:
    """Everything on the page."""

    title: str
    name: str
    task: str
    dataset: str
    finished: str
    versions: str
    sections: Sequence[tuple[str, str]]
    verdict: Verdict
    headings: Sequence[ColumnView]
    rows: Sequence[RowView]
    notes: Sequence[str]
    galleries: Sequence[Gallery]
    configuration: Sequence[Configured]
    environment: Sequence[Part]
    identities: Sequence[Part]
    command: str
    specification: str
    file: str
    left_out: Sequence[str]


def view(archived: Archived) -> View:
    """The page's content."""
    table, runs = archived.table, archived.runs
    shown, left_out = galleries(archived)
    sections = [("verdict", "Verdict"), ("table", "Table"), *((gallery.anchor, gallery.title) for gallery in shown)]
    for title in ("Configuration", "Environment", "Metric identities", "Reproduce"):
        sections.append((title.split()[-1].lower(), title))
    return View(
        title=visible(table.title),
        name=visible(table.name),
        task=table.task,
        dataset=visible(table.dataset),
        finished=_finished(runs),
        versions=", ".join(sorted({_text(stage.get("genbench", "?")) for run in runs for stage in _stages(run)})),
        sections=sections,
        verdict=verdict(table),
        headings=_headings(table),
        rows=_rows(table),
        notes=[visible(note) for note in notes(table)],
        galleries=shown,
        configuration=[configured for row in table.rows if (configured := _configured(row, runs))],
        environment=_environment(runs),
        identities=[_identity(column) for column in shown_columns(table) if column.identity],
        command=visible(table.command) or "not recorded",
        specification=table.specification,
        file=visible(_file(table)),
        left_out=[visible(entry) for entry in left_out],
    )


def _file(table: Comparison) -> str:
    """The file that the command reads, or one named after the comparison."""
    named = re.search(r" --config (\S+)", table.command)
    return named[1] if named else f"{table.name}.toml"


def _headings(table: Comparison) -> list[ColumnView]:
    found = [ColumnView("Row", "", "ascending"), ColumnView(SEEDS, "", "descending")]
    for column in shown_columns(table):
        heading = Heading(column.title, _scale(table, column).unit, ARROWS[column.better])
        text = "\u00a0".join([visible(heading.title), *heading.tail.split()])
        found.append(ColumnView(text, _SPOKEN[column.better], _FIRST[column.better]))
    return found


def _rows(table: Comparison) -> list[RowView]:
    columns, letters = shown_columns(table), remark_letters(table)
    scales = {column.key: _scale(table, column) for column in columns}
    winners = {column.key: best(table, column) for column in columns}
    rows = []
    for row in ordered_rows(table):
        cells = [CellView(seeds(row), str(row.seeds - row.failed))]
        for column in columns:
            cell = row.cells.get(column.key)
            printed = number(cell, scales[column.key])
            if cell is None or printed is None:
                cells.append(CellView(MISSING, ""))
                continue
            leads = row.label in winners[column.key]
            value = repr(float(cell.mean)) if math.isfinite(cell.mean) else ""
            cells.append(CellView(printed.plain(), value, cell_marks(cell, is_best=leads), leads))
        marks = "".join(letters[mark] for mark in row.marks)
        rows.append(RowView(visible(name_of(row)), marks, row.reference, cells))
    return rows


def _scale(table: Comparison, column: Column) -> Scale:
    return column_scale(column, [row.cells[column.key] for row in table.rows if column.key in row.cells])


def _configured(row: Row, runs: Sequence[KeptRun]) -> Configured | None:
    """A row's settings, from its first run; None for rows that have none."""
    own = [run.record for run in runs if run.label == row.label]
    if not own:
        return None
    first = own[0]
    chosen = {**dict(first.get("selection") or {}), "step": ", ".join(_selected(record) for record in own)}
    general = {
        "family": f"{first.get('family', '?')} (version {first.get('family_version', '?')})",
        "preset": first.get("preset", ""),
        "budget": first.get("budget", ""),
        "weights": chosen.get("score") or chosen.get("name", "final"),
        "weights after step, by seed": chosen["step"],
        "precision": first.get("precision", ""),
        "seeds": ", ".join(str(record.get("seed", "?")) for record in own),
        "repetitions": ", ".join(str(record.get("repetition", "?")) for record in own),
        "data identity": first.get("data_identity", ""),
        "runs": ", ".join(row.runs),
    }
    parts = [("Run", _entries(general))]
    for key, caption in (("train_config", "Training"), ("sample_config", "Sampling")):
        parts.append((caption, _entries(first.get(key) or {})))
    return Configured(visible(name_of(row)), parts)


def _selected(record: Mapping[str, Any]) -> str:
    return _text((record.get("selection") or {}).get("step", "?"))


def _environment(runs: Sequence[KeptRun]) -> list[Part]:
    """Every different machine, with the rows that were trained, sampled or measured on it."""
    found: dict[tuple[tuple[str, str], ...], dict[str, None]] = {}
    for run in runs:
        for stage in _stages(run):
            machine = dict(stage.get("machine") or {})
            entries: dict[str, Any] = {_MACHINE.get(str(key), str(key)): value for key, value in machine.items()}
            entries["genbench"] = stage.get("genbench", "?")
            found.setdefault(tuple(_entries(entries)), {})[visible(run.label)] = None
    several = len(found) > 1
    return [
        Part(f"Machine {number} of {len(found)}: {', '.join(labels)}" if several else "Machine of every run", entries)
        for number, (entries, labels) in enumerate(found.items(), 1)
    ]


def _identity(column: Column) -> Part:
    return Part(visible(column.title), _entries(column.identity))


def _stages(run: KeptRun) -> list[Mapping[str, Any]]:
    return list((run.record.get("stages") or {}).values())


def _finished(runs: Sequence[KeptRun]) -> str:
    """When the last stage was finished, as its record says."""
    last = max((str(stage.get("finished", "")) for run in runs for stage in _stages(run)), default="")
    try:
        return datetime.fromisoformat(last).strftime("%d %B %Y, %H:%M %Z").lstrip("0")
    except ValueError:
        return visible(last)


def _entries(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(visible(str(key).replace("_", " ")), _text(value)) for key, value in settings.items() if value != ""]


def _text(value: Any) -> str:
    """A setting as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{visible(str(key))} {_text(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else visible(str(value))
