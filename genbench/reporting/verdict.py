"""What a comparison shows, in sentences: which row is better, by how much, and how sure that is.

Nothing is computed here. Every sentence is read off the paired differences and adjusted p values that the table carries
(`genbench.tables.Against`); without them, as with one seed, nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from genbench.exporting.layout import leaders, name, seeds, shown_columns
from genbench.exporting.numbers import Scale, column_scale, digits, number, significant_decimals
from genbench.tables import Against, Cell, Column, Comparison, Row

_FIRST = ("fid", "target_accuracy", "accuracy")
"""Measures that a verdict begins with where no front says which one is the headline."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a comparison.

    Attributes:
        headline: a sentence or two: the main measure with its uncertainty, failed runs.
        measures: for every other shown measure that has a direction, its heading and what was shown of it.
    """

    headline: str
    measures: Sequence[tuple[str, str]]


def verdict(comparison: Comparison) -> Verdict:
    """Say what the shown measures of a comparison tell."""
    columns = [column for column in shown_columns(comparison) if column.better != "neither"]
    columns = [column for column in columns if _rows(comparison, column)]
    if not columns:
        return Verdict("Nothing was measured that has a better direction, so there is no verdict.", ())
    main = headline_column(comparison, columns)
    sentences = [_sentence(comparison, main), *_failures(comparison)]
    others = [(column.title, _sentence(comparison, column, named=False)) for column in columns if column != main]
    return Verdict(" ".join(sentences), others)


def headline_column(comparison: Comparison, columns: Sequence[Column]) -> Column:
    """The measure of quality of the first front, or the first one that is known as a headline, or the first."""
    wanted = [front.quality for front in comparison.fronts[:1]] + list(_FIRST)
    found = (column for key in wanted for column in columns if column.key == key)
    return next(found, columns[0])


def _sentence(comparison: Comparison, column: Column, *, named: bool = True) -> str:
    """What one measure shows; ``named`` says which measure it is."""
    rows = _rows(comparison, column)
    scale = column_scale(column, [row.cells[column.key] for row in rows])
    by = f"By {column.title}, " if named else ""
    if len(rows) == 1:
        what = f"{name_of(rows[0])} reaches {_value(rows[0], column, scale)}{_from(rows[0].cells[column.key])}"
        return _capital(f"{by}{what}; there is no other row to compare it with.")
    if comparison.reference_row is not None:
        return _capital(by + _against_reference(comparison, column, rows, scale))
    top_labels = leaders(comparison, column)
    if all(row.label in top_labels for row in rows):
        return _capital(f"{by}all rows have the same mean, {_value(rows[0], column, scale)}.")
    top = next(row for row in rows if row.label in top_labels)
    others = [row for row in rows if row is not top]
    return _capital(by + _against_best(top, others, column, scale))


def _against_best(top: Row, others: Sequence[Row], column: Column, scale: Scale) -> str:
    """How the best row stands to all others."""
    compared = [row for row in others if _p_value(row.cells[column.key]) is not None]
    reached = f"{name_of(top)} has the best mean ({_value(top, column, scale)})"
    if not compared:
        behind = "; ".join(f"{name_of(row)} {_value(row, column, scale)}" for row in others)
        why = "one seed each" if all(row.seeds == 1 for row in (top, *others)) else "without two seeds in common"
        return f"{reached}, before {behind}; {why}, so no claim that rows differ."
    worse = [row for row in compared if _differs(row, column)]
    tied = [row for row in others if row not in worse]
    if not tied:
        closest = min(worse, key=lambda row: abs(_against(row, column).difference))
        told = f"{name_of(closest)} ({_value(closest, column, scale)}): {_difference(closest, column, scale)}."
        whom = "" if len(others) == 1 else "every other row; the nearest is "
        return f"{name_of(top)} ({_value(top, column, scale)}) is better than {whom}{told}"
    listed = ", ".join(f"{name_of(row)} ({_evidence(row, column, scale)})" for row in tied)
    beaten = f"; {_and([name_of(row) for row in worse])} {_is(worse)} worse" if worse else ""
    return f"{reached}, but is not distinguishable from {listed}{beaten}."


def _against_reference(comparison: Comparison, column: Column, rows: Sequence[Row], scale: Scale) -> str:
    """How every row stands to the one that was chosen beforehand."""
    chosen = next((row for row in rows if row.label == comparison.reference_row), None)
    if chosen is None:
        return f"{comparison.reference_row}, which all others are compared with, has no value."
    parts = []
    for row in rows:
        if row is chosen:
            continue
        if not _differs(row, column):
            parts.append(f"{name_of(row)} is not distinguishable from it ({_evidence(row, column, scale)})")
            continue
        higher = _against(row, column).difference > 0
        direction = "better" if higher == (column.better == "higher") else "worse"
        value = _value(row, column, scale)
        parts.append(f"{name_of(row)} ({value}) is {direction}, {_difference(row, column, scale)}")
    return f"against {name_of(chosen)} ({_value(chosen, column, scale)}): {'; '.join(parts)}."


def _failures(comparison: Comparison) -> list[str]:
    failed = [row for row in comparison.rows if row.failed]
    if not failed:
        return []
    told = ", ".join(f"{name_of(row)} has {seeds(row)} seeds" for row in failed)
    return [f"Not every run finished: {told}."]


def _rows(comparison: Comparison, column: Column) -> list[Row]:
    cells = [(row, row.cells.get(column.key)) for row in comparison.rows if not row.reference]
    return [row for row, cell in cells if cell is not None and math.isfinite(cell.mean)]


def name_of(row: Row) -> str:
    """The row's name without the letters of its remarks."""
    return name(row, dict.fromkeys(row.marks, ""))


def _value(row: Row, column: Column, scale: Scale) -> str:
    printed = number(row.cells[column.key], scale)
    return f"{printed.plain()} {scale.unit}".strip() if printed else ""


def _from(cell: Cell) -> str:
    if cell.resampled_only:
        return " (one seed: the interval comes from resampling its pictures and says nothing about training again)"
    return f" over {len(cell.values)} seeds" if len(cell.values) > 1 else " (one seed, no interval)"


def _difference(row: Row, column: Column, scale: Scale) -> str:
    """``difference 12.3, 95 % interval 10.1 to 14.5, adjusted p = 0.003, 3 pairs of seeds``."""
    against = _against(row, column)
    low, high = against.low, against.high
    if low is None or high is None:
        return f"one pair of seeds, difference {_short(against.difference / scale.factor, scale)}"
    half = (high - low) / 2 / scale.factor
    decimals = significant_decimals(half, 2) if half > 0 else 3
    mean, lowest, highest = (digits(value / scale.factor, decimals) for value in (against.difference, low, high))
    unit = f" {scale.unit}" if scale.unit else ""
    return (
        f"difference {mean}{unit}, 95 % interval {lowest} to {highest}, {_p_text(against.p_value)}, "
        f"{against.pairs} pairs of seeds"
    )


def _evidence(row: Row, column: Column, scale: Scale) -> str:
    """Value and difference of a row that was not shown to differ."""
    cell = row.cells[column.key]
    if _p_value(cell) is None:
        return f"{_value(row, column, scale)}, fewer than two pairs of seeds"
    return f"{_value(row, column, scale)}; {_difference(row, column, scale)}"


def _against(row: Row, column: Column) -> Against:
    """The comparison of a row that was compared."""
    against = row.cells[column.key].against
    if against is None:
        raise ValueError(f"{row.label} was not compared")
    return against


def _p_value(cell: Cell) -> float | None:
    return cell.against.p_value if cell.against else None


def _differs(row: Row, column: Column) -> bool:
    against = row.cells[column.key].against
    return against is not None and against.distinguishable


def _p_text(p_value: float | None) -> str:
    if p_value is None:
        return "no p value"
    return "adjusted p < 0.001" if p_value < 1e-3 else f"adjusted p = {digits(p_value, 3 if p_value < 0.1 else 2)}"


def _short(value: float, scale: Scale) -> str:
    return f"{value:.3g} {scale.unit}".strip()


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(rows: Sequence[Row]) -> str:
    return "is" if len(rows) == 1 else "are"


def _capital(text: str) -> str:
    """A sentence that begins with a capital unless it begins with a row's name."""
    return text[0].upper() + text[1:] if text.startswith(("by ", "against ", "all ")) else text
