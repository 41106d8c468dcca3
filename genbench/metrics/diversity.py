"""Diversity within a condition: do pictures made for one condition differ as real ones do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from genbench.data.base import UInt8Array
from genbench.metrics.base import FIDELITY, Better, Identity, Metric, MetricContext, NotMeasurable, Value
from genbench.metrics.conditional import has_conditions
from genbench.metrics.extractors import Features, RefereeExtractor
from genbench.metrics.features import extract
from genbench.metrics.fidelity import enough_pictures
from genbench.metrics.frechet import Array
from genbench.metrics.neighbours import squared_distances


def mean_distance(features: Array) -> float:
    """The mean distance between two different rows of features [N, D], N ≥ 2."""
    total = sum(float(np.sqrt(squared).sum()) for _, squared in squared_distances(features, features))
    return total / (len(features) * (len(features) - 1))


def diversity_by_condition(
    generated: Features, made_for: UInt8Array, real: Features, truth: UInt8Array
) -> Mapping[bytes, tuple[float, float]]:
    """Mean distances (generated, real) of every condition that at least two pictures of either kind have.

    Args:
        generated: features [N, D] of pictures made for conditions ``made_for`` [N, K].
        real: features [M, D] of pictures with conditions ``truth`` [M, K].
    """
    places = [_by_condition(conditions) for conditions in (made_for, truth)]
    common = [key for key, rows in places[0].items() if len(rows) > 1 and len(places[1].get(key, ())) > 1]
    first, second = np.asarray(generated, np.float64), np.asarray(real, np.float64)
    return {key: (mean_distance(first[places[0][key]]), mean_distance(second[places[1][key]])) for key in common}


class Diversity(Metric):
    """Mean distance of referee features within a condition, as a ratio to that of real held-out pictures.

    The mean over conditions that at least two generated and two real pictures have, of the one divided by the mean of
    the other. 1 is as diverse as real pictures; near 0 every condition has one picture (mode collapse within
    conditions, which accuracy and even FID can miss); above 1 pictures differ more than real ones, as bad ones do.
    """

    name: ClassVar[str] = "diversity"
    title: ClassVar[str] = "Diversity"
    better: ClassVar[Better] = "neither"
    needs_conditions: ClassVar[bool] = True

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Value ``diversity``, its ceiling 1; none for data without two conditions to tell apart.

        Raises:
            NotMeasurable: when no condition has two generated and two real pictures.
        """
        if not has_conditions(context):
            return []
        images = enough_pictures(context, self.title, 2)
        conditions = context.pictures[FIDELITY].conditions
        extractor, held_out = RefereeExtractor(context.evaluators.referee), context.data.splits["test"]
        found = diversity_by_condition(
            extract(extractor, images, context.cache),
            conditions,
            extract(extractor, held_out.images, context.cache),
            held_out.conditions,
        )
        made, real = (np.array([pair[side] for pair in found.values()]) for side in (0, 1))
        if not len(real) or not real.sum() > 0:
            raise NotMeasurable(
                f"{context.data.info.name}: no condition has two generated and two different real pictures, so that "
                "diversity within conditions cannot be measured: generate more"
            )
        info = context.data.info
        identity: Identity = {
            **extractor.identity,
            "samples": len(images),
            "conditions": len(real),
            "reference": f"{info.name}@{info.resolution}/test",
            "reference_hash": context.data.identity[:16],
        }
        return [Value(self.name, float(made.mean() / real.mean()), identity, ceiling=1.0)]


def _by_condition(conditions: UInt8Array) -> dict[bytes, list[int]]:
    places: dict[bytes, list[int]] = {}
    for row, condition in enumerate(np.ascontiguousarray(conditions)):
        places.setdefault(condition.tobytes(), []).append(row)
    return places
