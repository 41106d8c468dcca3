"""Numbers as people read them: no more digits than the uncertainty leaves, units that keep them short.

Two significant digits of the interval's half width decide the decimals of mean and interval alike, as the Particle
Data Group and the GUM (JCGM 100:2008, 7.2.6) advise; a value without an interval gets three or four, and a cost
that was measured once gets three.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from genbench.tables import Cell, Column

MISSING = "–"
"""What stands where nothing was measured."""

_LADDERS: Mapping[str, Sequence[tuple[float, str]]] = {
    "s": ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")),
    "MB": ((1.0, "MB"), (1e3, "GB")),
    "FLOP": ((1.0, "FLOP"), (1e6, "MFLOP"), (1e9, "GFLOP"), (1e12, "TFLOP"), (1e15, "PFLOP")),
}
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_HOUR, _MANY_SECONDS = 3600.0, 7200.0
_NOISE = 1e-9  # a half width below this share of the mean is rounding, not spread


@dataclass(frozen=True)
class Scale:
    """How a column is printed: values are divided by ``factor`` and then have ``unit``; counts have no decimals."""

    factor: float
    unit: str
    count: bool = False


@dataclass(frozen=True)
class Number:
    """A rounded number.

    Attributes:
        mean: digits.
        spread: digits of the half width (one entry), of both limits of a skewed interval (two), or empty.
        suffix: ``"k"``, ``"M"``, ``"G"`` or ``"T"`` of a large count, or empty.
        exponent: power of ten that mean and spread are to be multiplied with.
    """

    mean: str
    spread: tuple[str, ...] = ()
    suffix: str = ""
    exponent: int = 0

    def plain(self, *, tight: bool = False) -> str:
        """As text: ``0.953 ± 0.012``, ``0.95 [0.91, 0.97]``, ``1.2 M``, ``(2.1 ± 0.3)e+09``; tight without spaces."""
        text = self.mean
        if len(self.spread) == 1:
            text = f"{self.mean}±{self.spread[0]}" if tight else f"{self.mean} ± {self.spread[0]}"
        elif self.spread:
            text = f"{self.mean} [{self.spread[0]}, {self.spread[1]}]"
        if self.exponent:
            text = f"({text})" if self.spread else text
            return f"{text}e{self.exponent:+03d}"
        return f"{text} {self.suffix}" if self.suffix else text

    def latex(self, *, bold: bool = False) -> str:
        r"""As LaTeX: ``$0.953 \pm 0.012$``, ``$0.95\ [0.91, 0.97]$``, ``1.2\,M``."""
        text = self.mean
        if len(self.spread) == 1:
            text = rf"{self.mean} \pm {self.spread[0]}"
        elif self.spread:
            text = rf"{self.mean}\ [{self.spread[0]}, {self.spread[1]}]"
        if self.exponent:
            text = f"({text})" if self.spread else text
            text = rf"{text} \times 10^{{{self.exponent}}}"
        if self.suffix:
            text = rf"{text}\,\mathrm{{{self.suffix}}}"
        return rf"$\mathbf{{{text}}}$" if bold else f"${text}$"


def column_scale(column: Column, cells: Iterable[Cell]) -> Scale:
    """One unit for a whole column, which suits the geometric mean of its values: s, ms or h; MB or GB; FLOP to PFLOP.

    A column without unit whose values are all whole numbers, not only 0 and 1, is a count.
    """
    cells = list(cells)
    values = [value for cell in cells for value in (*cell.values, cell.mean) if math.isfinite(value)]
    if not column.unit and any(value >= 2 for value in values) and all(value == int(value) for value in values):
        return Scale(1.0, "", count=True)
    sizes = [abs(cell.mean) for cell in cells if math.isfinite(cell.mean) and cell.mean]
    ladder = _LADDERS.get(column.unit)
    if ladder is None or not sizes:
        return Scale(1.0, column.unit)
    typical = math.exp(math.fsum(map(math.log, sizes)) / len(sizes))
    if column.unit == "s" and typical >= _MANY_SECONDS:
        return Scale(_HOUR, "h")
    fitting = [step for step in ladder if step[0] <= typical * (1 + 1e-9)]
    return Scale(*(fitting[-1] if fitting else ladder[0]))


def number(cell: Cell | None, scale: Scale) -> Number | None:
    """Round a cell to its uncertainty; None when there is no finite number to print."""
    if cell is None or not math.isfinite(cell.mean):
        return None
    mean = cell.mean / scale.factor
    limits = _limits(cell, scale)
    if cell.decimals is not None and scale.factor == 1:
        return _rounded(mean, (), cell.decimals)
    if scale.count and (limits is None or limits[1] == limits[0]):
        return _count(mean)
    if limits is None:
        cost = bool(scale.unit) and len(cell.values) == 1
        return _rounded(mean, (), significant_decimals(abs(mean), 3) if cost and mean else plain_decimals(mean))
    low, high = limits
    half = (high - low) / 2
    if half <= _NOISE * abs(mean):
        return _rounded(mean, (), plain_decimals(mean))
    symmetric = math.isclose(mean - low, high - mean, rel_tol=1e-3, abs_tol=_NOISE * abs(mean))
    return _rounded(mean, (half,) if symmetric else (low, high), significant_decimals(half, 2))


def without_spread(cell: Cell, scale: Scale) -> bool:
    """Whether several seeds gave the same value, to the last digits, of something that is measured and not counted."""
    limits = _limits(cell, scale)
    if limits is None or len(cell.values) < 2 or scale.count or not math.isfinite(cell.mean):
        return False
    return (limits[1] - limits[0]) / 2 <= _NOISE * abs(cell.mean / scale.factor)


def significant_decimals(value: float, significant: int) -> int:
    """Decimals at which ``value`` > 0 has so many significant digits (negative: round to tens, hundreds, …).

    Rounding may carry: with two digits, 0.0996 is 0.10 at two decimals, not 0.100.
    """
    exponent = math.floor(math.log10(value))
    if round(value / 10.0 ** (exponent + 1 - significant)) >= 10**significant:
        exponent += 1
    return significant - 1 - exponent


def plain_decimals(value: float) -> int:
    """Decimals for a value without an interval: three significant digits below one, four from there on."""
    if value == 0:
        return 0
    return significant_decimals(abs(value), 3) if abs(value) < 0.9995 else max(significant_decimals(abs(value), 4), 0)


def digits(value: float, decimals: int) -> str:
    """``value`` rounded to ``decimals`` (negative: to tens, hundreds, …), without a negative zero."""
    return f"{round(value, decimals):z.0f}" if decimals < 0 else f"{value:z.{decimals}f}"


def _limits(cell: Cell, scale: Scale) -> tuple[float, float] | None:
    if cell.low is None or cell.high is None or not (math.isfinite(cell.low) and math.isfinite(cell.high)):
        return None
    return cell.low / scale.factor, cell.high / scale.factor


def _rounded(mean: float, spread: tuple[float, ...], decimals: int) -> Number:
    """Print with ``decimals``, or with a power of ten where that takes too many zeros."""
    largest = max(abs(mean), *map(abs, spread), 0.0)
    exponent = 0
    if largest and not 1e-4 <= largest < 1e6:
        exponent = 3 - significant_decimals(largest, 4)
        mean, spread = mean / 10.0**exponent, tuple(value / 10.0**exponent for value in spread)
        decimals = decimals + exponent if spread else 3
    texts = tuple(digits(value, decimals) for value in spread)
    return Number(digits(mean, decimals), texts, exponent=exponent)


def _count(value: float) -> Number:
    """1234 as it is, 12345 as 12.3 k, 1234567 as 1.23 M."""
    if abs(value) >= 1e4:
        for factor, suffix in _COUNTS:
            if abs(value) >= factor * (1 - 5e-4):  # 999,600 is 1.00 M, not 1000 k
                scaled = value / factor
                return Number(digits(scaled, significant_decimals(abs(scaled), 3)), suffix=suffix)
    return Number(digits(value, 0))
