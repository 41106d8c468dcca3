"""Letters in figures that always fit: names cut in their middle, titles in lines, legends in columns, plain ticks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import count
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from rich.cells import cell_len

from genbench.exporting.escaping import visible
from genbench.exporting.layout import name
from genbench.tables import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 24
"""Letters of a row's name that figures show."""
_WIDE = 0.6  # of the type's size, that a letter takes on average, with a little to spare
_STEPS: Sequence[Sequence[int]] = ((1, 2, 5), (1, 3), (1,))


def short_names(rows: Iterable[Row], longest: int = LONGEST) -> dict[str, str]:
    """Every row's name for figures, by its label: at most so many letters, and different for different rows."""
    names = {row.label: visible(name(row, dict.fromkeys(row.marks, ""))) for row in rows}
    taken: set[str] = set()
    short: dict[str, str] = {}
    for label, text in sorted(names.items(), key=lambda entry: cell_len(entry[1]) > longest):
        tries = (_cut(text, longest, mark) for mark in ("…", *(f"…{number}…" for number in range(2, len(names) + 2))))
        short[label] = next(cut for cut in tries if cut not in taken or cut == text)
        taken.add(short[label])
    return short


def unmarked(text: str) -> str:
    """``text`` for legends and ticks, which read dollars as mathematics and pass over names with a leading _."""
    return text.replace("$", r"\$").lstrip("_") or "row"


def in_lines(text: str, inches: float, points: float) -> str:
    """``text`` as lines that fit the width in that size of type."""
    room = max(12, int(inches * 72 / (_WIDE * points)))
    return "\n".join(textwrap.wrap(visible(text), room)) or " "


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """How many entries of a legend in 8 point type stand side by side in that width, four at most."""
    needed = 0.075 * max(map(cell_len, labels), default=0) + 0.6
    return max(1, min(4, len(labels), int(inches / needed)))


def legend_inches(labels: Sequence[str], inches: float) -> float:
    """How high a legend in 8 point type is in that width."""
    return 0.17 * ceil(len(labels) / legend_columns(labels, inches))


def plain_logarithmic(axes: Axes, most: int = 7) -> None:
    """Make the horizontal axis logarithmic, with at most ``most`` ticks, at 1, 2, 5, 10, … as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    low, high = sorted(axes.get_xlim())
    axis = axes.xaxis
    axis.set_major_locator(FixedLocator(round_ticks(low, high, most)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axis.set_minor_locator(NullLocator())


def short_number(value: float) -> str:
    """A round number in few letters: 0.01, 5000, 20 k, 5 M."""
    if value < 10_000:
        return f"{value:.10g}"
    unit, letter = next((u, x) for u, x in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= u)
    return f"{value / unit:.10g} {letter}"


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten from ``low`` to ``high``, both above 0, times 1, 2 and 5 where that leaves at most ``most``."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in _STEPS:
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most:
            return ticks
    return next(ticks[::every] for every in count(2) if len(ticks[::every]) <= most)


def _cut(text: str, longest: int, mark: str) -> str:
    """The beginning and the end of ``text``, where it is longer than that."""
    if cell_len(text) <= longest:
        return text
    room = longest - len(mark)
    return _beginning(text, room - room // 2) + mark + _beginning(text[::-1], room // 2)[::-1]


def _beginning(text: str, room: int) -> str:
    kept = len(text)
    while cell_len(text[:kept]) > room:
        kept -= 1
    return text[:kept]
