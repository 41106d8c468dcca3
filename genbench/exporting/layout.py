"""What tables for people have in common: which cells, which is best, which notes, and which way round."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from genbench.exporting.numbers import MISSING, Number, column_scale, number, without_spread
from genbench.tables import Cell, Column, Comparison, Row, main_columns

T = TypeVar("T")

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
SEEDS = "Seeds"
TIED, RESAMPLED = "†", "‡"
RAISED = "ᵃᵇᶜᵈᵉᶠᵍʰ"
"""Letters that tie a remark below the table to the rows it is about."""

_SEVERAL = 3  # facts that all scores share are said of "all scores" when there are more than this


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
class Emphasis:
    """What is to be said of a number: whether it is the best of its measure, and its mark (or a blank as wide)."""

    best: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Style(Generic[T]):
    """How one format sets the three kinds of entry."""

    text: Callable[[str], T]
    heading: Callable[[Heading], T]
    number: Callable[[Number | None, Emphasis], T]


def shown_columns(comparison: Comparison) -> list[Column]:
    """The columns of tables for people."""
    return list(main_columns(comparison).columns)


def ordered_rows(comparison: Comparison) -> list[Row]:
    """Rows in order, reference rows last."""
    return sorted(comparison.rows, key=lambda row: row.reference)


def matrix(comparison: Comparison, style: Style[T]) -> list[list[T]]:
    """Headings and rows, set in a style: first line the headings, first column the labels, second the seeds."""
    columns, rows = shown_columns(comparison), ordered_rows(comparison)
    letters = remark_letters(comparison)
    lines = [[style.text(""), style.text(SEEDS)]]
    lines += [[style.text(name(row, letters)), style.text(seeds(row))] for row in rows]
    for column in columns:
        cells = [row.cells.get(column.key) for row in rows]
        scale = column_scale(column, [cell for cell in cells if cell])
        winners = best(comparison, column)
        lines[0].append(style.heading(Heading(column.title, scale.unit, ARROWS[column.better])))
        for line, row, cell in zip(lines[1:], rows, cells, strict=True):
            is_best = row.label in winners
            line.append(style.number(number(cell, scale), Emphasis(is_best, cell_marks(cell, is_best=is_best))))
    return lines


def name(row: Row, letters: Mapping[str, str]) -> str:
    """A row's label with how its weights were chosen, unless it says so, and the letters of its remarks, raised."""
    tag = f"@{row.selection}"
    label = row.label if row.selection == "final" or tag in row.label else f"{row.label}{tag}"
    return label + "".join(letters[mark] for mark in row.marks)


def remark_letters(comparison: Comparison) -> dict[str, str]:
    """A raised letter for each different remark on a row, in order of appearance."""
    marks = dict.fromkeys(mark for row in ordered_rows(comparison) for mark in row.marks)
    return {mark: RAISED[position % len(RAISED)] for position, mark in enumerate(marks)}


def cell_marks(cell: Cell | None, *, is_best: bool) -> str:
    """`TIED` where the row compared with was not shown to differ, `RESAMPLED` where one seed has an interval.

    Of rows that share the best mean to the last digit, none is marked.
    """
    if cell is None:
        return ""
    shares = is_best and cell.against is not None and cell.against.difference == 0
    tied = cell.against is not None and not cell.against.distinguishable and not shares
    return (TIED if tied else "") + (RESAMPLED if cell.resampled_only else "")


def transposed(lines: Sequence[Sequence[T]]) -> list[list[T]]:
    """Rows become columns: families side by side, one line a measure."""
    return [list(line) for line in zip(*lines, strict=True)]


def seeds(row: Row) -> str:
    """How many repetitions stand behind a row: ``3``, or ``2 of 3`` when one failed."""
    if row.reference:
        return MISSING
    return f"{row.seeds - row.failed} of {row.seeds}" if row.failed else str(row.seeds)


def best(comparison: Comparison, column: Column) -> frozenset[str]:
    """Labels of the `leaders`, where seeds were repeated: after one seed no row is claimed to be the best."""
    repeated = any(row.seeds > 1 for row in comparison.rows if not row.reference)
    return leaders(comparison, column) if repeated else frozenset()


def leaders(comparison: Comparison, column: Column) -> frozenset[str]:
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
    """Sentences for below the table: what marks mean, its own notes, fronts, ceilings that no row shows, identities.

    Long hashes are cut to ten digits (files for programs keep them whole).
    """
    letters = remark_letters(comparison)
    sentences = [*comparison.notes[:1], *_legend(comparison), *(f"{v} {k}" for k, v in letters.items())]
    sentences += [*_unspread(comparison), *comparison.notes[1:], *_fronts(comparison), *_ceilings(comparison)]
    sentences += [f"{column.title}: {column.note}" for column in shown_columns(comparison) if column.note]
    return [short_hashes(sentence) for sentence in (*sentences, *identities(shown_columns(comparison)))]


def identities(columns: Sequence[Column]) -> list[str]:
    """What makes the columns' numbers comparable, each fact once: those that columns share stand together."""
    facts: dict[str, list[str]] = {}
    for column in columns:
        for key, value in column.identity.items():
            if key != "metric" and value is not None:
                facts.setdefault(f"{key.replace('_', ' ')} {value}", []).append(column.title)
    shared: dict[tuple[str, ...], list[str]] = {}
    for fact, titles in facts.items():
        shared.setdefault(tuple(titles), []).append(fact)
    scores = tuple(column.title for column in columns if "reference" in column.identity)
    return [
        f"{'All scores' if titles == scores and len(scores) > _SEVERAL else ', '.join(titles)}: {', '.join(told)}"
        for titles, told in sorted(shared.items(), key=lambda entry: -len(entry[0]))
    ]


def short_hashes(text: str) -> str:
    """``text`` with every hexadecimal word of sixteen digits or more cut to ten."""
    return re.sub(r"\b([0-9a-f]{10})[0-9a-f]{6,}\b", r"\1…", text)


def all_marks(comparison: Comparison) -> list[str]:
    """The marks of every number that is shown."""
    marks = []
    for column in shown_columns(comparison):
        winners = best(comparison, column)
        marks += [cell_marks(row.cells.get(column.key), is_best=row.label in winners) for row in comparison.rows]
    return marks


def _legend(comparison: Comparison) -> list[str]:
    """What the marks on numbers mean, where they occur."""
    marks = set("".join(all_marks(comparison)))
    sentences = []
    if TIED in marks:
        whom = comparison.reference_row or "the best of the measure"
        family = "rows" if comparison.reference_row else "pairs of rows"
        sentences.append(
            f"{TIED} not distinguishable from {whom}: paired by seed, t test, Holm's correction over all {family}, 5 %"
        )
    if RESAMPLED in marks:
        sentences.append(
            f"{RESAMPLED} one seed: the interval comes from resampling its pictures only and says nothing about "
            "training again"
        )
    return sentences


def _unspread(comparison: Comparison) -> list[str]:
    """A value that all seeds share stands without an interval; operations are computed, and so are always alike."""
    for column in shown_columns(comparison):
        cells = [row.cells[column.key] for row in comparison.rows if column.key in row.cells]
        scale = column_scale(column, cells)
        if column.unit != "FLOP" and any(without_spread(cell, scale) for cell in cells):
            return ["where all seeds gave the same value no interval can be told"]
    return []


def _fronts(comparison: Comparison) -> list[str]:
    """Which rows no other beats on quality and cost at once."""
    sentences = []
    for front in comparison.fronts:
        shown = {column.key: column.title for column in shown_columns(comparison)}
        if front.quality in shown and front.cost in shown and len(comparison.rows) > 2:
            quality, cost = shown[front.quality], shown[front.cost]
            between = "; " if any(", " in row for row in front.rows) else ", "
            sentences.append(f"Pareto front of {quality} against {cost}, by means: {between.join(front.rows)}")
    return sentences


def _ceilings(comparison: Comparison) -> list[str]:
    sentences = []
    references = [row for row in comparison.rows if row.reference and not row.family]  # real data, not published rows
    for column in shown_columns(comparison):
        if any(column.key in row.cells for row in references):
            continue
        cells = [row.cells[column.key] for row in comparison.rows if column.key in row.cells]
        found = sorted({f"{cell.ceiling:.3f}" for cell in cells if cell.ceiling is not None})
        if found:
            sentences.append(f"{column.title}: real held-out pictures score {' to '.join(found)} (the ceiling)")
    return sentences
