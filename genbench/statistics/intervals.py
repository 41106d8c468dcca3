"""Confidence intervals of a mean over repetitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from genbench.errors import ConfigError, DataError

Floats = npt.NDArray[np.float64]

FEWEST_FOR_BOOTSTRAP = 5
"""Repetitions that `bootstrap_interval` needs: from three values only 27 samples can be drawn, 3 without spread."""

_RESAMPLES = 9999
_ENUMERATED = 6  # up to so many values, all nⁿ samples are taken instead of random ones


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


def t_interval(values: Sequence[float], confidence: float = 0.95, *, reference_error: float = 0.0) -> Interval:
    """The mean and its Student-t interval, mean ± t_{(1+confidence)/2, ν} · se.

    Without a reference error, se = s/√n and ν = n - 1. With one, se² = s²/n + se_ref²: an error that all repetitions
    share doesn't show in their spread and doesn't average out. Its own degrees of freedom are taken as infinite, so
    that Welch and Satterthwaite's ν is se⁴ / ((s²/n)²/(n - 1)) (B. L. Welch, Biometrika 34, 1947).

    Args:
        values: one number a repetition.
        confidence: in (0, 1).
        reference_error: standard error that is common to all values, at least 0.

    Raises:
        DataError: when there are no values, or one is not finite.
        ConfigError: when ``confidence`` is not in (0, 1) or ``reference_error`` is negative or not finite.
    """
    sample = finite(values, "values")
    _check(confidence, reference_error)
    mean, n = float(sample.mean()), len(sample)
    if n == 1:
        return Interval(mean, None, None, 1)
    own = standard_error(sample)
    error = math.hypot(own, reference_error)
    freedom = (n - 1) * (error / own) ** 4 if own > 0 else math.inf
    half = student(confidence, freedom) * error
    return Interval(mean, mean - half, mean + half, n)


def bootstrap_interval(
    values: Sequence[float], confidence: float = 0.95, *, reference_error: float = 0.0, seed: int = 0
) -> Interval:
    """The mean and its studentised bootstrap interval (B. Efron and R. Tibshirani, 1993, section 12.5).

    The quantiles of (mean* - mean)/se* over samples drawn with replacement stand in for Student's. It follows skewed
    values, and for few of them pays with great length. All nⁿ samples are taken up to n = 6, above 9,999 random ones.
    Where so many values are equal that a limit would be infinite, the interval is Student's. A reference error widens
    either side in quadrature, √(d² + (z·se_ref)²), as G. Zou and A. Donner combine intervals (Statistics in Medicine
    27, 2008).

    Args:
        values: one number a repetition, at least `FEWEST_FOR_BOOTSTRAP`.
        confidence: in (0, 1).
        reference_error: standard error that is common to all values, at least 0.
        seed: of the random samples; the same seed gives the same interval.

    Raises:
        DataError: when there are fewer values, or one is not finite.
        ConfigError: when ``confidence`` is not in (0, 1) or ``reference_error`` is negative or not finite.
    """
    sample = finite(values, "values")
    _check(confidence, reference_error)
    n = len(sample)
    if n < FEWEST_FOR_BOOTSTRAP:
        raise DataError(f"the bootstrap needs at least {FEWEST_FOR_BOOTSTRAP} repetitions, not {n}: use the t interval")
    mean, error = float(sample.mean()), standard_error(sample)
    if n <= _ENUMERATED:
        drawn = sample[np.array(list(itertools.product(range(n), repeat=n)))]
    else:
        drawn = sample[np.random.default_rng(seed).integers(0, n, size=(_RESAMPLES, n))]
    above, below = _studentised(drawn, mean, confidence) if error > 0 else (0.0, 0.0)
    if math.isinf(above + below):
        return t_interval(values, confidence, reference_error=reference_error)
    z = student(confidence, math.inf) * reference_error
    return Interval(mean, mean - math.hypot(below * error, z), mean + math.hypot(above * error, z), n)


def _studentised(drawn: Floats, mean: float, confidence: float) -> tuple[float, float]:
    """How many standard errors the interval reaches above and below the mean; samples without spread count as far."""
    shift = drawn.mean(axis=1) - mean
    error = drawn.std(axis=1, ddof=1) / math.sqrt(drawn.shape[1])
    flat = (drawn == drawn[:, :1]).all(axis=1)
    ratio = np.where(flat, np.copysign(np.inf, shift), shift / np.where(flat, 1.0, error))
    tail = (1 - confidence) / 2
    low = float(np.quantile(ratio, tail, method="lower"))
    high = float(np.quantile(ratio, 1 - tail, method="higher"))
    return max(-low, 0.0), max(high, 0.0)


def student(confidence: float, freedom: float) -> float:
    """The two-sided quantile t_{(1+confidence)/2, ν}; the normal one for infinite ν."""
    tail = (1 + confidence) / 2
    return float(special.ndtri(tail) if math.isinf(freedom) else special.stdtrit(freedom, tail))


def standard_error(sample: Floats) -> float:
    """s/√n with s² the unbiased variance; exactly 0 when all values are equal."""
    if (sample == sample[0]).all():
        return 0.0
    return float(sample.std(ddof=1)) / math.sqrt(len(sample))


def finite(values: Sequence[float], what: str) -> Floats:
    """``values`` as an array. Raises `DataError` when it is empty or holds what is not finite."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise DataError(f"{what}: at least one number is needed")
    if not np.isfinite(sample).all():
        raise DataError(f"{what}: {sample[~np.isfinite(sample)][0]} is not a finite number; leave failed runs out")
    return sample


def _check(confidence: float, reference_error: float) -> None:
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence {confidence:g} must lie between 0 and 1, such as 0.95")
    if not (math.isfinite(reference_error) and reference_error >= 0):
        raise ConfigError(f"a standard error must be a finite number that is not negative, not {reference_error:g}")
