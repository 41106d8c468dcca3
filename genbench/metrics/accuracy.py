"""Accuracy: do generated pictures show what they were asked to show, as a frozen classifier sees it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from genbench.data.base import UInt8Array
from genbench.errors import DataError
from genbench.evaluators.evaluator import Evaluator
from genbench.evaluators.scoring import Scores, exact_set_rate, topk_accuracy
from genbench.metrics.base import Identity, Metric, MetricContext, Pictures, Value

FIDELITY = "fidelity"


class Accuracy(Metric):
    """The referee's top-k accuracy and exact-set rate; beside them the guide's, and the lab's ResNet-18's if given.

    Scored are the pictures of the task's condition lists, all together and list by list; where the data has none, those
    of held-out pictures' conditions. The ceiling is the same score of real held-out pictures.
    """

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "Accuracy"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    needs_conditions: ClassVar[bool] = True

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``accuracy``, ``exact_set``, their parts by list, ``accuracy_guide``, ``accuracy_resnet18``.

        Data without two conditions to tell apart has no accuracy: no values.

        Raises:
            DataError: when there are no pictures to score, they are of the wrong size, or a condition is empty.
        """
        if len(context.data.info.conditions) < 2:
            return []
        sets = _scored_sets(context)
        names = sorted(sets)
        referee = context.evaluators.referee
        logits = {name: referee.logits(sets[name].images) for name in names}
        values = _both(context, referee, names, np.concatenate([logits[n] for n in names]), _conditions(sets, names))
        if len(names) > 1 or names != [FIDELITY]:
            for name in names:
                values += _both(context, referee, [name], logits[name], sets[name].conditions, suffix=f"/{name}")
        images = np.concatenate([sets[name].images for name in names])
        for other in (context.evaluators.guide, *context.evaluators.extra):
            both = _both(context, other, names, other.logits(images), _conditions(sets, names), suffix=f"_{other.role}")
            values.append(both[0])
        return values


def _scored_sets(context: MetricContext) -> Mapping[str, Pictures]:
    """The condition lists' pictures, else those of held-out conditions."""
    lists = {name: context.pictures[name] for name in context.data.condition_lists if name in context.pictures}
    if lists:
        return lists
    if FIDELITY not in context.pictures:
        raise DataError(f"{context.data.info.name}: there are no pictures to score")
    return {FIDELITY: context.pictures[FIDELITY]}


def _conditions(sets: Mapping[str, Pictures], names: Sequence[str]) -> UInt8Array:
    return np.concatenate([sets[name].conditions for name in names])


def _both(
    context: MetricContext,
    evaluator: Evaluator,
    names: Sequence[str],
    logits: Scores,
    conditions: UInt8Array,
    suffix: str = "",
) -> list[Value]:
    """Accuracy and exact-set rate with their ceilings."""
    info = context.data.info
    identity: Identity = {
        "rule": "top-k",
        **evaluator.identity,
        "samples": len(conditions),
        "reference": f"{info.name}@{info.resolution}/{'+'.join(names)}",
        "reference_hash": context.data.identity[:16],
    }
    real, truth = context.evaluators.held_out_logits(evaluator), context.data.splits["test"].conditions
    return [
        Value(f"accuracy{suffix}", topk_accuracy(logits, conditions), identity, topk_accuracy(real, truth)),
        Value(f"exact_set{suffix}", exact_set_rate(logits, conditions), identity, exact_set_rate(real, truth)),
    ]
