"""What tables for people have in common: which cells, which is best, which notes, and which way round."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from genbench.exporting.numbers import MISSING, Number, column_scale, number
from genbench.tables import Column, Comparison, Row, main_columns

T = TypeVar("T")

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
SEEDS = "Seeds"


@dataclass(frozen=True)
class Heading:
    """What a measure is called: its title, printed unit, and the arrow towards better values (either may be empty)."""

    title: str
    unit: str
    arrow: str

    def __str__(self) -> str:
        """On one line: ``Training (s) ↓``."""
        return f"{self.title} {self.tail}".strip()

    @property
    def tail(self) -> str:
        """Unit and arrow: ``(s) ↓``."""
        return f"{f'({self.unit})' if self.unit else ''} {self.arrow}".strip()

    def lines(self, width: int) -> list[str]:
        """Broken between words into lines of ``width`` characters where words allow; unit and arrow stay together."""
        lines = textwrap.wrap(self.title, width, break_long_words=False) or [""]
        if not self.tail:
            return lines
        if len(lines[-1]) + 1 + len(self.tail) <= width:
            return [*lines[:-1], f"{lines[-1]} {self.tail}"]
        return [*lines, self.tail]


@dataclass(frozen=True)
class Style(Generic[T]):
    """How one format sets the three kinds of entry. ``number`` is told whether it is the best of its measure."""

    text: Callable[[str], T]
    heading: Callable[[Heading], T]
    number: Callable[[Number | None, bool], T]


def shown_columns(comparison: Comparison) -> list[Column]:
    """The columns of tables for people."""
    return list(main_columns(comparison).columns)


def ordered_rows(comparison: Comparison) -> list[Row]:
    """Rows in order, reference rows last."""
    return sorted(comparison.rows, key=lambda row: row.reference)


def matrix(comparison: Comparison, style: Style[T]) -> list[list[T]]:
    """Headings and rows, set in a style: first line the headings, first column the labels, second the seeds."""
    columns, rows = shown_columns(comparison), ordered_rows(comparison)
    lines = [[style.text(""), style.text(SEEDS)]]
    lines += [[style.text(row.label), style.text(seeds(row))] for row in rows]
    for column in columns:
        scale = column_scale(column, [row.cells[column.key] for row in rows if column.key in row.cells])
        winners = best(comparison, column)
        lines[0].append(style.heading(Heading(column.title, scale.unit, ARROWS[column.better])))
        for line, row in zip(lines[1:], rows, strict=True):
            line.append(style.number(number(row.cells.get(column.key), scale), row.label in winners))
    return lines


def transposed(lines: Sequence[Sequence[T]]) -> list[list[T]]:
    """Rows become columns: families side by side, one line a measure."""
    return [list(line) for line in zip(*lines, strict=True)]


def seeds(row: Row) -> str:
    """How many repetitions stand behind a row: ``3``, or ``2 of 3`` when one failed."""
    if row.reference:
        return MISSING
    return f"{row.seeds - row.failed} of {row.seeds}" if row.failed else str(row.seeds)


def best(comparison: Comparison, column: Column) -> frozenset[str]:
    """Labels of the rows with the best mean, when the column has a direction and two rows or more to choose from."""
    means = {
        row.label: row.cells[column.key].mean
        for row in comparison.rows
        if not row.reference and column.key in row.cells and math.isfinite(row.cells[column.key].mean)
    }
    if column.better == "neither" or len(means) < 2:
        return frozenset()
    top = max(means.values()) if column.better == "higher" else min(means.values())
    return frozenset(label for label, mean in means.items() if mean == top)


def notes(comparison: Comparison) -> list[str]:
    """Sentences for below the table: its own, ceilings that no reference row shows, then what the columns mean.

    Columns with the same note share one; long hashes are cut to ten digits (files for programs keep them whole).
    """
    shared: dict[str, list[str]] = {}
    for column in shown_columns(comparison):
        if column.note:
            shared.setdefault(column.note, []).append(column.title)
    described = [f"{', '.join(titles)}: {note}" for note, titles in shared.items()]
    return [short_hashes(note) for note in (*comparison.notes, *_ceilings(comparison), *described)]


def short_hashes(text: str) -> str:
    """``text`` with every hexadecimal word of sixteen digits or more cut to ten."""
    return re.sub(r"\b([0-9a-f]{10})[0-9a-f]{6,}\b", r"\1…", text)


def _ceilings(comparison: Comparison) -> list[str]:
    sentences = []
    references = [row for row in comparison.rows if row.reference]
    for column in shown_columns(comparison):
        if any(column.key in row.cells for row in references):
            continue
        cells = [row.cells[column.key] for row in comparison.rows if column.key in row.cells]
        found = sorted({f"{cell.ceiling:.3f}" for cell in cells if cell.ceiling is not None})
        if found:
            sentences.append(f"{column.title}: real held-out pictures score {' to '.join(found)} (the ceiling)")
    return sentences
