r"""The table as a LaTeX fragment for ``\input``: plain ASCII, and the document needs no package but booktabs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from genbench.exporting.escaping import latex, latex_breakable, slug, visible
from genbench.exporting.layout import RESAMPLED, TIED, Emphasis, Heading, Style, matrix, notes, transposed
from genbench.exporting.numbers import Number
from genbench.tables import Comparison

_SIZES = ((78, r"\small"), (88, r"\footnotesize"), (100, r"\scriptsize"))
"""Characters that fit the text width of the article class, by type size."""

_HEADING = 12  # lines of headings are broken beyond this many characters,
_ABOVE, _BESIDE = 18, 30  # those of families' names beyond this many, above and beside their numbers

_MARKS = {TIED: r"\dagger", RESAMPLED: r"\ddagger"}

_FROM_FILE = " --config "

Entry = Sequence[str]
"""The lines of one cell, each of them LaTeX."""


def to_latex(comparison: Comparison) -> str:
    r"""A ``table`` environment with caption, label ``tab:<name>`` and notes in small print below.

    Families are rows where that fits a page; otherwise they stand side by side, with one line a measure. The best mean
    of each measure is bold, and a dagger marks means that are not distinguishable from it.
    """
    needed = width(matrix(comparison, _style(upright=True, measured=True)))
    sideways = width(transposed(matrix(comparison, _style(upright=False, measured=True))))
    if needed <= _SIZES[0][0] or needed <= sideways:
        lines = matrix(comparison, _style(upright=True))
        rules = {1, len(lines) - sum(row.reference for row in comparison.rows)}
    else:
        needed, lines = sideways, transposed(matrix(comparison, _style(upright=False)))
        rules = {1}
    small_print = [latex_breakable(note.rstrip(". ")) for note in notes(comparison)]
    if any(r"\mathbf" in part for line in lines for entry in line for part in entry):
        small_print.append("Bold: best mean of each measure")
    return "\n".join(
        [
            *_comments(comparison),
            r"\begin{table}[t]",
            r"  \centering",
            f"  \\caption{{{latex_breakable(comparison.title)}}}",
            f"  \\label{{tab:{slug(comparison.name)}}}",
            *_tabular(lines, rules, needed),
            *_small_print(small_print),
            r"\end{table}",
            "",
        ]
    )


def width(lines: Sequence[Sequence[Entry]]) -> int:
    """Characters of the widest line of a table, with two between columns."""
    return sum(max(len(part) for entry in column for part in entry) + 2 for column in zip(*lines, strict=True)) - 2


def _tabular(lines: Sequence[Sequence[Entry]], rules: set[int], needed: int) -> list[str]:
    """The rows between booktabs' rules, in the largest type that fits; what fits in none is centred on the page."""
    size = next((size for limit, size in _SIZES if needed <= limit), _SIZES[-1][1])
    fits = needed <= _SIZES[-1][0]
    body = []
    for number, line in enumerate(lines):
        if number in rules and number < len(lines):
            body.append(r"    \midrule")
        body.append(f"    {' & '.join([_stack(line[0], 'tl'), *(_stack(entry, 'br') for entry in line[1:])])} \\\\")
    return [
        f"  {size}",
        r"  \setlength{\tabcolsep}{4pt}",
        *([] if fits else [r"  \makebox[\linewidth][c]{%"]),
        f"  \\begin{{tabular}}{{@{{}}l{'r' * (len(lines[0]) - 1)}@{{}}}}",
        r"    \toprule",
        *body,
        r"    \bottomrule",
        r"  \end{tabular}" + ("" if fits else "}"),
    ]


def _small_print(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    return [
        r"  \par\smallskip",
        r"  \begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(f"    {sentence}.\\\\" for sentence in sentences[:-1]),
        f"    {sentences[-1]}.",
        r"  \end{minipage}",
    ]


def _comments(comparison: Comparison) -> list[str]:
    """The command that makes the table and, where it reads a file, the file's text."""
    told = [f"Made by: {comparison.command}" if comparison.command else "Made by genbench"]
    if comparison.specification and _FROM_FILE in comparison.command:
        told += ["with this file:", *(f"  {line}" for line in comparison.specification.splitlines())]
    return [f"% {visible(line)}".rstrip().encode("ascii", "backslashreplace").decode() for line in told]


def _stack(entry: Entry, place: str) -> str:
    """The lines of a cell, one on the other: the line that stands level with other cells (t, b), then the side."""
    if len(entry) == 1:
        return entry[0]
    return f"\\begin{{tabular}}[{place[0]}]{{@{{}}{place[1]}@{{}}}}" + r"\\".join(entry) + r"\end{tabular}"


def _raised(mark: str) -> str:
    """A number's mark, of no width, so that the numbers stay in line."""
    return rf"\rlap{{$^{{{''.join(_MARKS[character] for character in mark)}}}$}}" if mark else ""


def _printed(text: str) -> str:
    """Text of the length that ``text`` has in print, where some characters appear as their code points."""
    return visible(text) + 7 * "x" * latex(text).count("{[}U+")


def _style(*, upright: bool, measured: bool = False) -> Style[Entry]:
    """How entries are set; ``measured`` leaves out the LaTeX, so that characters can be counted."""
    escape = _printed if measured else latex

    def text(string: str) -> Entry:
        return [escape(part) for part in textwrap.wrap(visible(string), _BESIDE if upright else _ABOVE)] or [""]

    def heading(title: Heading) -> Entry:
        return [escape(line) for line in (title.lines(_HEADING) if upright else [str(title)])]

    def number(value: Number | None, emphasis: Emphasis) -> Entry:
        if value is None:
            return ["--"]
        return [value.plain() if measured else value.latex(bold=emphasis.best) + _raised(emphasis.mark)]

    return Style(text, heading, number)
