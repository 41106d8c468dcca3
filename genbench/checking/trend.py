"""Whether a noisy number fell."""

from __future__ import annotations

import math

from torch import Tensor

from genbench.checking.contract import Violation

DEVIATIONS = 3.0


def falls(what: str, before: Tensor, after: Tensor) -> str:
    """Say how the mean of ``after`` [M] lies below that of ``before`` [N].

    Raises:
        Violation: unless the difference exceeds three of its standard errors (Welch's t > 3: by chance, one flat curve
            in several hundred).
    """
    fall = (before.mean() - after.mean()).item()
    error = math.sqrt(before.var().item() / len(before) + after.var().item() / len(after))
    change = f"{what} {before.mean().item():.3g} → {after.mean().item():.3g}"
    if fall <= DEVIATIONS * error:
        raise Violation(f"{change} does not fall (by {fall:.2g} ± {error:.2g})")
    return change
