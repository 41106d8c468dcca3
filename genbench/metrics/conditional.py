"""What metrics of conditions have in common: which pictures are scored, for which conditions, by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genbench.data.base import UInt8Array
from genbench.errors import DataError
from genbench.evaluators.evaluator import Evaluator, Floats
from genbench.metrics.base import FIDELITY, NORMAL_95, Identity, MetricContext, Pictures, Value


@dataclass(frozen=True)
class Scored:
    """Pictures of some condition lists, one evaluator's logits of them, and of real held-out pictures for ceilings."""

    names: Sequence[str]
    conditions: UInt8Array
    logits: Floats
    real_conditions: UInt8Array
    real_logits: Floats

    def where(self, made: np.ndarray, real: np.ndarray) -> Scored:
        """Those generated pictures, and those real ones."""
        return replace(
            self,
            conditions=self.conditions[made],
            logits=self.logits[made],
            real_conditions=self.real_conditions[real],
            real_logits=self.real_logits[real],
        )


def scored_sets(context: MetricContext) -> Mapping[str, Pictures]:
    """The condition lists' pictures, else those of held-out conditions.

    Raises:
        DataError: when there are none.
    """
    lists = {name: context.pictures[name] for name in context.data.condition_lists if name in context.pictures}
    if lists:
        return lists
    if FIDELITY not in context.pictures:
        raise DataError(f"{context.data.info.name}: there are no pictures to score")
    return {FIDELITY: context.pictures[FIDELITY]}


def has_conditions(context: MetricContext) -> bool:
    """Whether there are two conditions to tell apart."""
    return len(context.data.info.conditions) >= 2


def score_sets(context: MetricContext, evaluator: Evaluator) -> Mapping[str, Scored]:
    """One evaluator's logits of every scored set, by name."""
    real, truth = context.evaluators.held_out_logits(evaluator), context.data.splits["test"].conditions
    return {
        name: Scored([name], pictures.conditions, evaluator.logits(pictures.images), truth, real)
        for name, pictures in scored_sets(context).items()
    }


def together(parts: Mapping[str, Scored]) -> Scored:
    """All sets as one."""
    names = sorted(parts)
    return replace(
        parts[names[0]],
        names=names,
        conditions=np.concatenate([parts[name].conditions for name in names]),
        logits=np.concatenate([parts[name].logits for name in names]),
    )


def conditional_identity(context: MetricContext, evaluator: Evaluator, scored: Scored, rule: str) -> Identity:
    """The rule, the evaluator, how many pictures, of which condition lists."""
    info = context.data.info
    return {
        "rule": rule,
        **evaluator.identity,
        "samples": len(scored.conditions),
        "reference": f"{info.name}@{info.resolution}/{'+'.join(scored.names)}",
        "reference_hash": context.data.identity[:16],
    }


def share(name: str, value: float, error: float, count: int, identity: Identity, ceiling: float | None = None) -> Value:
    """A share in [0, 1] of ``count`` pictures with its standard error and Wilson's interval.

    Where pictures are worth more or less than one decision each, the interval is that of as many independent decisions
    as would have this standard error.
    """
    effective = value * (1 - value) / error**2 if error > 0 and 0 < value < 1 else count
    low, high = wilson(value, effective)
    return Value(name, value, identity, ceiling, low, high, stderr_generated=error)


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95 % score interval of a share of ``count`` decisions (Wilson, 1927): sensible at 0 and 1 too."""
    z2 = NORMAL_95**2 / count
    centre = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return float(max(0.0, min(share, centre - half))), float(min(1.0, max(share, centre + half)))
