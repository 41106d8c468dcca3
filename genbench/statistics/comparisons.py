"""Which rows differ: paired differences, and a correction for looking at many of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from genbench.errors import ConfigError, DataError
from genbench.statistics.intervals import Interval, finite, standard_error, student, t_interval

ALPHA = 0.05
"""Adjusted p values up to this one count as a difference."""

Values = Mapping[int, float]
"""One row's values by repetition."""


@dataclass(frozen=True)
class Difference:
    """The mean difference a - b, and the two-sided p value of "it is zero" (None where nothing can be said)."""

    interval: Interval
    p_value: float | None


@dataclass(frozen=True)
class Standing:
    """How a row stands against another, ``other``: their difference, whose p value is adjusted for all comparisons."""

    other: str
    difference: Difference

    @property
    def distinguishable(self) -> bool:
        """Whether the two rows were shown to differ."""
        p_value = self.difference.p_value
        return p_value is not None and p_value <= ALPHA


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Difference:
    """How much ``a`` exceeds ``b``, pair by pair: interval of the mean difference and paired t test.

    Args:
        a: one number a repetition.
        b: the competitor's, with the same repetition at the same place.
        confidence: of the interval, in (0, 1).

    Raises:
        DataError: when the lengths differ, there are no pairs, or a value is not finite.
        ConfigError: when ``confidence`` is not in (0, 1).
    """
    first, second = finite(a, "the first values"), finite(b, "the second values")
    if len(first) != len(second):
        raise DataError(f"pairs need as many first values ({len(first)}) as second values ({len(second)})")
    differences = first - second
    interval = t_interval(differences.tolist(), confidence)
    if interval.n == 1:
        return Difference(interval, None)
    return Difference(interval, _p_value(interval.mean, standard_error(differences), interval.n - 1))


def welch_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Difference:
    """How much the mean of ``a`` exceeds that of ``b`` for values that are no pairs (B. L. Welch, Biometrika 34, 1947).

    A side with a single value is taken to spread like the other: se² = s²(1 + 1/n) with n - 1 degrees of freedom.

    Raises:
        DataError: when a side has no values, or one is not finite.
        ConfigError: when ``confidence`` is not in (0, 1).
    """
    first, second = finite(a, "the first values"), finite(b, "the second values")
    mean, n, m = float(first.mean() - second.mean()), len(first), len(second)
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence {confidence:g} must lie between 0 and 1, such as 0.95")
    if n == m == 1:
        return Difference(Interval(mean, None, None, 1), None)
    if min(n, m) == 1:
        many = first if n > 1 else second
        error, freedom = standard_error(many) * math.sqrt(len(many) + 1), len(many) - 1.0
    else:
        u, v = standard_error(first) ** 2, standard_error(second) ** 2
        error = math.sqrt(u + v)
        freedom = (u + v) ** 2 / (u**2 / (n - 1) + v**2 / (m - 1)) if error > 0 else math.inf
    half = student(confidence, freedom) * error
    return Difference(Interval(mean, mean - half, mean + half, min(n, m)), _p_value(mean, error, freedom))


def standings(
    rows: Mapping[str, Values], better: Literal["higher", "lower"], *, reference: str | None = None
) -> dict[str, Standing]:
    """How every row stands against the best, or against a ``reference`` chosen beforehand.

    Two rows are compared on the repetitions that both have. p values are adjusted by Holm's procedure: against a
    reference for as many comparisons as there are other rows; against the best for all pairs of rows, since choosing
    the best out of them is itself a look at every pair. (Adjusting for the others only would call one of five equal
    rows different in 8 % of tables instead of 5 %.)

    Args:
        rows: values by row and repetition; a row without values is left out.
        better: which direction wins.
        reference: label of a row; where it has no values, nothing is compared.

    Returns:
        By row, without the row compared with. Rows with fewer than two repetitions in common have no p value.
    """
    finished = {label: values for label, values in rows.items() if values}
    top = reference if reference is not None else leader({k: _mean(v) for k, v in finished.items()}, better)
    if top is None or top not in finished:
        return {}
    others = [label for label in finished if label != top]
    pairs = [(label, top) for label in others]
    if reference is None:
        pairs += list(itertools.combinations(others, 2))
    found = {pair: _compared(finished[pair[0]], finished[pair[1]]) for pair in pairs}
    tested = {pair: found[pair].p_value for pair in pairs}
    p_values = [p for p in tested.values() if p is not None]
    adjusted = dict(zip([pair for pair, p in tested.items() if p is not None], holm(p_values), strict=True))
    return {label: Standing(top, replace(found[label, top], p_value=adjusted.get((label, top)))) for label in others}


def leader(means: Mapping[str, float], better: Literal["higher", "lower"]) -> str | None:
    """The first row with the best finite mean; None when there is none."""
    sign = 1.0 if better == "higher" else -1.0
    finite_means = {label: sign * mean for label, mean in means.items() if math.isfinite(mean)}
    return max(finite_means, key=finite_means.__getitem__, default=None)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm, 1979): p values that keep the family-wise error rate.

    The i-th smallest of m becomes max_{j ≤ i} min(1, (m - j + 1)·p_(j)); order is kept.

    Raises:
        DataError: when a p value is not in [0, 1].
    """
    if not p_values:
        return []
    p = finite(p_values, "p values")
    if p.min() < 0 or p.max() > 1:
        raise DataError(f"p values must lie in [0, 1], not {p.min():g} to {p.max():g}")
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def _compared(a: Values, b: Values) -> Difference:
    common = sorted(a.keys() & b.keys())
    if not common:
        return Difference(Interval(_mean(a) - _mean(b), None, None, 0), None)
    return paired_difference([a[k] for k in common], [b[k] for k in common])


def _mean(values: Values) -> float:
    return math.fsum(values.values()) / len(values)


def _p_value(mean: float, error: float, freedom: float) -> float:
    """Two-sided; without scatter every difference is alike: certainly zero, or certainly not."""
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2 * special.stdtr(freedom, -abs(mean) / error))
