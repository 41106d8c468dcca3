"""A look at what a family draws while it trains, for families that draw quickly and have no loss that tells.

All scores are the guide's, on validation pictures: the referee and the test pictures are not for training to see.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genbench.api import GenerativeLearner, Learner
from genbench.data.base import Split
from genbench.evaluators import Evaluator
from genbench.evaluators.scoring import topk_accuracy
from genbench.metrics.diversity import diversity_by_condition
from genbench.metrics.frechet import frechet
from genbench.selection import Criterion
from genbench.tasks.criteria import Sampler, fixed_order

PICTURES = 512
"""Pictures, at most, that are drawn and compared with as many real ones."""

FID, DIVERSITY, ACCURACY = "validation/fid", "validation/diversity", "validation/accuracy_guide"


def look(split: Split, guide: Evaluator, sampler: Sampler) -> Criterion:
    """``validation``: the Fréchet distance, in the guide's features, of pictures drawn for validation conditions.

    On the way: their `diversity` and the guide's accuracy. Features that are not finite have none of the three.
    """
    order = fixed_order(len(split))
    order = order[split.conditions[order].any(axis=1)][:PICTURES]

    def compute(learner: Learner, pictures: int) -> Mapping[str, float] | None:
        if not isinstance(learner, GenerativeLearner):
            return None
        rows = order[:pictures]
        conditions = split.conditions[rows]
        images = sampler(learner, conditions)
        drawn, real = guide.features(images), guide.features(split.images[rows])
        if not np.isfinite(drawn).all():
            return None
        return {
            FID: frechet(drawn, real).value,
            DIVERSITY: diversity(drawn, real, conditions),
            ACCURACY: topk_accuracy(guide.logits(images), conditions),
        }

    score = "the Fréchet distance, in the guide's features, to validation pictures"
    return Criterion("validation", FID, score, "lower", compute)


def diversity(drawn: np.ndarray, real: np.ndarray, conditions: np.ndarray) -> float:
    """How far pictures drawn for one condition lie apart, over how far real ones do; NaN if no condition has two.

    Args:
        drawn, real: features [N, D], row for row of the same ``conditions`` [N, K].
    """
    pairs = np.array(list(diversity_by_condition(drawn, conditions, real, conditions).values()))
    return float(pairs[:, 0].mean() / pairs[:, 1].mean()) if pairs.size and pairs[:, 1].any() else float("nan")
