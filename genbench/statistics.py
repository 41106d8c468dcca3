"""Intervals over repetitions, paired comparisons and corrections for many of them.

All of them assume that repetitions are independent draws whose mean is roughly normal (Student's t); competitors that
met the same repetition seeds are compared pair by pair, which removes what the seeds have in common.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from genbench.errors import ConfigError, DataError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` repetitions and its confidence limits; both limits are None when one repetition claims none."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval, for "mean ± half-width"; None when there is no interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences a - b, and the two-sided p value of "it is zero" (None with one pair)."""

    interval: Interval
    p_value: float | None


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The mean and its Student-t interval, mean ± t_{(1+confidence)/2, n-1} · s/√n.

    Args:
        values: one number a repetition.
        confidence: in (0, 1).

    Raises:
        DataError: when there are no values, or one is not finite.
        ConfigError: when ``confidence`` is not in (0, 1).
    """
    sample = _finite(values, "values")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence {confidence:g} must lie between 0 and 1, such as 0.95")
    mean, n = float(sample.mean()), len(sample)
    if n == 1:
        return Interval(mean, None, None, 1)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * _standard_error(sample)
    return Interval(mean, mean - half, mean + half, n)


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
    first, second = _finite(a, "the first values"), _finite(b, "the second values")
    if len(first) != len(second):
        raise DataError(f"pairs need as many first values ({len(first)}) as second values ({len(second)})")
    differences = first - second
    interval = t_interval(differences.tolist(), confidence)
    if interval.n == 1:
        return Difference(interval, None)
    error = _standard_error(differences)
    if error == 0.0:  # every pair differs alike: certainly zero, or certainly not
        return Difference(interval, 1.0 if interval.mean == 0.0 else 0.0)
    return Difference(interval, float(2 * stats.t.sf(abs(interval.mean) / error, interval.n - 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm, 1979): p values that keep the family-wise error rate.

    The i-th smallest of m becomes max_{j ≤ i} min(1, (m - j + 1)·p_(j)); order is kept.

    Raises:
        DataError: when a p value is not in [0, 1].
    """
    if not p_values:
        return []
    p = _finite(p_values, "p values")
    if p.min() < 0 or p.max() > 1:
        raise DataError(f"p values must lie in [0, 1], not {p.min():g} to {p.max():g}")
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def _standard_error(sample: Floats) -> float:
    """s/√n with s² the unbiased variance; exactly 0 when all values are equal."""
    if (sample == sample[0]).all():
        return 0.0
    return float(sample.std(ddof=1)) / math.sqrt(len(sample))


def _finite(values: Sequence[float], what: str) -> Floats:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise DataError(f"{what}: at least one number is needed")
    if not np.isfinite(sample).all():
        raise DataError(f"{what}: {sample[~np.isfinite(sample)][0]} is not a finite number; leave failed runs out")
    return sample
