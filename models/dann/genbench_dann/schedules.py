"""Schedules over training progress p in [0, 1] (Y. Ganin et al., JMLR 2016, section 5.2.2)."""

from __future__ import annotations

import math

__all__ = ["adaptation_factor", "learning_rate_factor"]


def adaptation_factor(progress: float, *, gamma: float = 10.0, maximum: float = 1.0) -> float:
    """λ_p = maximum · (2 / (1 + e^{-γp}) - 1): 0 at the start, so that the noisy young domain classifier is not heard.

    Args:
        progress: p.
        gamma: γ > 0; the larger, the sooner λ rises.
        maximum: what λ tends to.
    """
    return maximum * (2.0 / (1.0 + math.exp(-gamma * progress)) - 1.0)


def learning_rate_factor(progress: float, *, alpha: float = 10.0, beta: float = 0.75) -> float:
    """μ_p / μ₀ = 1 / (1 + αp)^β: 1 at the start."""
    return float((1.0 + alpha * progress) ** -beta)
