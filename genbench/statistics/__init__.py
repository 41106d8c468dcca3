"""Intervals over repetitions, paired comparisons and corrections for many of them, fronts, and verdicts of a gate.

Repetitions are taken as independent draws. Competitors that met the same repetition seeds are compared pair by pair,
which removes what the seeds have in common. ``docs/statistics.md`` argues for each choice.
"""

from __future__ import annotations

from genbench.statistics.comparisons import (
    ALPHA,
    Difference,
    Standing,
    holm,
    leader,
    paired_difference,
    standings,
    welch_difference,
)
from genbench.statistics.fronts import pareto_front
from genbench.statistics.gates import Side, Tolerance, Verdict, judge
from genbench.statistics.intervals import FEWEST_FOR_BOOTSTRAP, Interval, bootstrap_interval, t_interval

__all__ = [
    "ALPHA",
    "FEWEST_FOR_BOOTSTRAP",
    "Difference",
    "Interval",
    "Side",
    "Standing",
    "Tolerance",
    "Verdict",
    "bootstrap_interval",
    "holm",
    "judge",
    "leader",
    "paired_difference",
    "pareto_front",
    "standings",
    "t_interval",
    "welch_difference",
]
