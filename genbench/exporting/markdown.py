"""The table in GitHub-flavoured Markdown, padded so that the source reads as a table too."""

from __future__ import annotations

import re

from rich.cells import cell_len

from genbench.exporting.escaping import markdown, visible
from genbench.exporting.layout import Emphasis, Style, matrix, notes
from genbench.exporting.numbers import MISSING, Number
from genbench.tables import Comparison


def to_markdown(comparison: Comparison) -> str:
    """Title, table, notes as a list, and the command that makes the table; best means are bold."""
    lines = matrix(comparison, _STYLE)
    widths = [max(3, *(cell_len(entry) for entry in column)) for column in zip(*lines, strict=True)]
    table = [_line(line, widths) for line in lines]
    table.insert(1, "|".join(["", f":{'-' * (widths[0] + 1)}", *(f"{'-' * (w + 1)}:" for w in widths[1:]), ""]))
    below = [f"- {markdown(note)}" for note in notes(comparison)]
    if any(entry.startswith("**") for line in lines for entry in line):
        below.append("- Bold: best mean of each measure")
    blocks = [markdown(comparison.title), "\n".join(table), "\n".join(below)]
    if comparison.command:
        blocks.append(f"Made by {code(comparison.command)}")
    return "\n\n".join(block for block in blocks if block) + "\n"


def code(text: str) -> str:
    """``text`` as a code span, fenced by more backticks than it has in a row."""
    shown = visible(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _line(entries: list[str], widths: list[int]) -> str:
    first, *rest = ((entry, " " * (width - cell_len(entry))) for entry, width in zip(entries, widths, strict=True))
    cells = [f" {first[0]}{first[1]} ", *(f" {padding}{entry} " for entry, padding in rest)]
    return f"|{'|'.join(cells)}|"


def _number(value: Number | None, emphasis: Emphasis) -> str:
    if value is None:
        return MISSING
    return (f"**{value.plain()}**" if emphasis.best else value.plain()) + emphasis.mark


_STYLE = Style(text=markdown, heading=lambda heading: markdown(str(heading)), number=_number)
