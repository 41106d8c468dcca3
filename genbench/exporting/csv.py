"""The tidy table as CSV (RFC 4180 quoting, ``\\n`` line ends, UTF-8), with all digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genbench.exporting.tidy import to_frame
from genbench.tables import Comparison

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WORDS = ("label", "family", "preset", "metric", "against", "selection", "marks", "budget")
"""Columns whose text somebody chose; the others are numbers, their lists, and JSON."""


def to_csv(comparison: Comparison) -> str:
    """`to_frame` as CSV with a heading; what was not measured is empty.

    Reading it back gives the same frame, ``pandas.read_csv(path, float_precision="round_trip")``, but for names that a
    spreadsheet would compute (`harmless`).
    """
    return as_csv(to_frame(comparison))


def as_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV with a heading, its names and remarks `harmless`."""
    named = [column for column in _WORDS if column in frame.columns]
    return frame.assign(**{column: frame[column].map(harmless) for column in named}).to_csv(
        index=False, lineterminator="\n"
    )


def harmless(text: str) -> str:
    """``text`` with ``'`` before it where spreadsheets would take it for a formula: where it begins with = + - @."""
    return f"'{text}" if text.startswith(_FORMULA) else text
