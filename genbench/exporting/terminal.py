"""The table on a terminal: as wide as there is room, 80 columns by default, plain where the output is not a terminal.

Families are rows where that fits. Otherwise they stand side by side, one line a measure; where even that is too wide,
in several tables one below the other.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from genbench.exporting.escaping import visible
from genbench.exporting.layout import (
    RAISED,
    RESAMPLED,
    TIED,
    Emphasis,
    Heading,
    Style,
    all_marks,
    matrix,
    notes,
    transposed,
)
from genbench.exporting.numbers import MISSING, Number
from genbench.tables import Comparison

_HEADING = 12  # headings above numbers are broken into lines of this many characters,
_LABEL = 16  # names of measures beside them not below this many,
_FAMILY = 9  # and names of families above numbers not below this many
_ASCII = str.maketrans(
    {"±": "+-", "–": "-", "×": "x", "µ": "u", "↑": "^", "↓": "v", "…": "...", "∞": "inf", TIED: "~", RESAMPLED: "?"}
    | {raised: f"[{letter}]" for raised, letter in zip(RAISED, "abcdefgh", strict=True)}
)

Lines = list[list[Text]]


def show(comparison: Comparison, console: Console | None = None) -> None:
    """Print title, table and notes to ``console`` (default: standard output), within its width."""
    console = console or Console()
    ascii_only = console.options.ascii_only
    console.print(_text(comparison.title, ascii_only, "bold"), highlight=False)
    for table in tables(comparison, console.width, ascii_only=ascii_only):
        console.print()
        console.print(table, highlight=False)
    console.print()
    for note in notes(comparison):
        console.print(Padding(_text(note, ascii_only, "dim"), (0, 0, 0, 2)), highlight=False)


def tables(comparison: Comparison, width: int = 80, *, ascii_only: bool = False) -> list[Table]:
    """One table no wider than ``width`` characters, or as many as that takes.

    Args:
        comparison: what to print.
        width: of the terminal, in characters.
        ascii_only: avoid every character that is not ASCII.
    """
    blank = max(map(len, all_marks(comparison)), default=0)  # so that marks don't push numbers out of line
    upright = matrix(comparison, _style(ascii_only, heading=_HEADING, blank=blank))
    if _natural_width(upright, gap=2) <= width:
        return [_table(upright, gap=2, fold=False)]
    for tight, gap in ((False, 2), (True, 1)):
        lines = transposed(matrix(comparison, _style(ascii_only, tight=tight, blank=blank)))
        if _natural_width(lines, gap) <= width:
            return [_table(lines, gap, fold=False)]
        room = width - _families_width(lines, gap)
        style = _style(ascii_only, tight=tight, heading=max(room - gap, _LABEL), blank=blank)
        lines = transposed(matrix(comparison, style))
        if room >= _natural_width([line[:1] for line in lines], gap):
            return [_table(lines, gap, fold=True)]
    return [_table(part, gap=1, fold=True) for part in _split(lines, width)]


def _natural_width(lines: Lines, gap: int) -> int:
    """Characters that a table takes: its columns, each with a gap before it."""
    return sum(max(_longest(entry) for entry in column) + gap for column in zip(*lines, strict=True))


def _longest(text: Text) -> int:
    return max((line.cell_len for line in text.split("\n")), default=0)


def _column_width(heading: Text, *entries: Text) -> int:
    """The room for a family: what its numbers need; its name is wrapped, but not below `_FAMILY`."""
    return max(min(_longest(heading), _FAMILY), *map(_longest, entries))


def _families_width(lines: Lines, gap: int) -> int:
    """Everything but the measures' names."""
    return sum(_column_width(*column) + gap for column in transposed(lines)[1:])


def _split(lines: Lines, width: int) -> list[Lines]:
    """Cut a table between families so that each part fits, with at least one family each."""
    names, *families = transposed(lines)
    room = width - _natural_width([[name] for name in names], gap=1)
    parts: list[Lines] = []
    left = 0
    for family in families:
        needed = _column_width(*family) + 1
        if not parts or needed > left:
            parts.append([])
            left = room
        parts[-1].append(family)
        left -= needed
    return [transposed([names, *part]) for part in parts]


def _table(lines: Lines, gap: int, *, fold: bool) -> Table:
    """Numbers are never wrapped; with ``fold``, families' names are. SIMPLE_HEAD puts one blank between columns."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, gap - 1), pad_edge=True)
    for position, column in enumerate(transposed(lines)):
        room = _column_width(*column) if fold and position else None
        table.add_column(column[0], justify="right" if position else "left", max_width=room, overflow="fold")
    for line in lines[1:]:
        table.add_row(*line)
    return table


def _style(ascii_only: bool, *, tight: bool = False, heading: int = 1000, blank: int = 0) -> Style[Text]:
    """How entries are set: tight without blanks around ±, headings broken at ``heading`` characters.

    Behind every number is room for ``blank`` characters of marks.
    """

    def number(value: Number | None, emphasis: Emphasis) -> Text:
        string = MISSING if value is None else value.plain(tight=tight)
        text = _text(string, ascii_only, "bold green" if emphasis.best else "")
        return text.append_text(_text(emphasis.mark, ascii_only)).append(" " * (blank - len(emphasis.mark)))

    def title(measure: Heading) -> Text:
        return Text("\n").join(_text(line, ascii_only) for line in measure.lines(heading))

    return Style(text=lambda string: _text(string, ascii_only), heading=title, number=number)


def _text(string: str, ascii_only: bool, style: str = "") -> Text:
    shown = visible(string)
    return Text(shown.translate(_ASCII).encode("ascii", "backslashreplace").decode() if ascii_only else shown, style)
