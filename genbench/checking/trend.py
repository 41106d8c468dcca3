"""Whether a noisy number fell."""

from __future__ import annotations

import math

from torch import Tensor

from genbench.checking.contract import Violation

DEVIATIONS = 3.0


def falls(what: str, before: Tensor, after: Tensor) -> str:
    """Say how the mean of ``after`` [M] lies below that of ``before`` [N].

    Judged by ranks (H. B. Mann and D. R. Whitney, 1947): a loss that falls within the first few steps makes the mean of
    ``before`` uncertain, but not which values are the larger ones.

    Raises:
        Violation: unless values before are larger than values after more often than smaller, by more than three
            standard errors of that under no change: by chance, one flat curve in several hundred.
    """
    larger = (before[:, None] - after).sign().double().mean().item()
    error = math.sqrt((len(before) + len(after) + 1) / (3 * len(before) * len(after)))
    change = f"{what} {before.mean().item():.3g} → {after.mean().item():.3g}"
    if larger <= DEVIATIONS * error:
        raise Violation(f"{change} does not fall (larger less smaller before: {larger:+.0%} ± {error:.0%} of pairs)")
    return change
