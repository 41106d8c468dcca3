"""The verdict of a gate: is a model worse than a baseline by more than is tolerated, as far as one can tell?"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from genbench.errors import ConfigError, DataError
from genbench.statistics.comparisons import Difference, paired_difference, welch_difference
from genbench.statistics.intervals import Interval, student

Outcome = Literal["ok", "worse", "inconclusive"]
Method = Literal["paired", "unpaired", "resampling", "equal", "none"]


@dataclass(frozen=True)
class Tolerance:
    """How much worse is tolerated: an amount, or a share of the baseline."""

    amount: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Tolerance:
        """Read ``"5%"`` or ``"0.5"``. Raises `ConfigError` when it is neither, negative, or 100 % and more."""
        match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*(%?)\s*", text, re.IGNORECASE)
        number = float(f"{match[1]}{match[2] or ''}") if match else math.nan
        if match is None or not math.isfinite(number) or (match[3] and number >= 100):
            raise ConfigError(
                f"tolerance {text!r} is not understood: write a share such as 5% or an amount such as 0.5"
            )
        return cls(number / 100 if match[3] else number, bool(match[3]))

    def __str__(self) -> str:
        return f"{100 * self.amount:g} %" if self.relative else f"{self.amount:g}"


@dataclass(frozen=True)
class Side:
    """One model's values by repetition, and the standard error of each that is due to its own sample, where known."""

    values: Mapping[int, float]
    errors: Mapping[int, float | None]

    @property
    def mean(self) -> float:
        """The mean over repetitions."""
        return math.fsum(self.values.values()) / len(self.values)


@dataclass(frozen=True)
class Verdict:
    """What a gate found.

    Attributes:
        outcome: ``"worse"`` when the lower one-sided limit of how much worse the model is exceeds the margin, ``"ok"``
            when the upper one does not, else ``"inconclusive"``.
        worse_by: how much worse the model's mean is than the baseline's; negative when it is better.
        low, high: one-sided limits of ``worse_by``; None where nothing can be said.
        margin: what is tolerated, in the metric's unit.
        method: ``"paired"`` by repetition; ``"unpaired"`` (Welch) where repetitions differ; ``"resampling"`` for one
            run on either side, whose limits know nothing of training again; ``"equal"`` when all pairs are equal to
            the last digit; ``"none"`` when there is no error to go by.
        n: pairs, or repetitions of the side that has fewer.
    """

    outcome: Outcome
    worse_by: float
    low: float | None
    high: float | None
    margin: float
    method: Method
    n: int


def judge(
    current: Side,
    baseline: Side,
    better: Literal["higher", "lower"],
    tolerance: Tolerance,
    *,
    confidence: float = 0.95,
) -> Verdict:
    """Hold ``current`` against ``baseline``.

    A relative tolerance τ tests c - (1 + τ)·b (for metrics to be lowered; (1 - τ)·b - c for others), so that the
    baseline's own error counts in full.

    Args:
        current, baseline: values on both sides, at least one each.
        better: the metric's better direction.
        tolerance: how much worse is tolerated.
        confidence: of either one-sided limit.

    Raises:
        DataError: when a side has no values, or a share is asked of a baseline that is not positive.
    """
    if not current.values or not baseline.values:
        raise DataError("a gate needs at least one value on either side")
    if tolerance.relative and baseline.mean <= 0:
        raise DataError(f"the baseline's mean is {baseline.mean:g}: {tolerance} of it means nothing; give an amount")
    sign = 1.0 if better == "lower" else -1.0
    share = 1 + sign * tolerance.amount if tolerance.relative else 1.0
    worse_by = sign * (current.mean - baseline.mean)
    margin = tolerance.amount * (baseline.mean if tolerance.relative else 1.0)
    common = sorted(current.values.keys() & baseline.values.keys())
    if dict(current.values) == dict(baseline.values):
        return Verdict("ok", 0.0, 0.0, 0.0, margin, "equal", len(common))
    excess, method = _difference(current, baseline, share, common, 2 * confidence - 1)
    low, high = excess.interval.low, excess.interval.high
    if low is None or high is None:
        return Verdict("inconclusive", worse_by, None, None, margin, "none", 1)
    ends = sorted((sign * low, sign * high))
    moved = margin if tolerance.relative else 0.0
    low, high = ends[0] + moved, ends[1] + moved
    outcome: Outcome = "worse" if low > margin else "ok" if high <= margin else "inconclusive"
    return Verdict(outcome, worse_by, low, high, margin, method, excess.interval.n)


def _difference(
    current: Side, baseline: Side, share: float, common: list[int], confidence: float
) -> tuple[Difference, Method]:
    """current - share·baseline, by the best method that the repetitions allow."""
    if len(common) >= 2:
        pairs = [(current.values[k], share * baseline.values[k]) for k in common]
        return paired_difference([a for a, _ in pairs], [b for _, b in pairs], confidence), "paired"
    first, second = list(current.values.values()), [share * value for value in baseline.values.values()]
    if max(len(first), len(second)) >= 2:
        return welch_difference(first, second, confidence), "unpaired"
    own, other = (next(iter(side.errors.values()), None) for side in (current, baseline))
    mean = first[0] - second[0]
    if own is None or other is None:
        return Difference(Interval(mean, None, None, 1), None), "none"
    half = student(confidence, math.inf) * math.hypot(own, share * other)
    return Difference(Interval(mean, mean - half, mean + half, 1), None), "resampling"
