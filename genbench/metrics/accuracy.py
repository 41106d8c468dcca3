"""Accuracy: do generated pictures show what they were asked to show, as a frozen classifier sees it?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from genbench.evaluators.evaluator import Evaluator
from genbench.evaluators.scoring import exact_set_rate, topk_accuracy, topk_error
from genbench.metrics.base import FIDELITY, Better, Metric, MetricContext, Value
from genbench.metrics.conditional import (
    Scored,
    conditional_identity,
    has_conditions,
    score_sets,
    share,
    together,
)

__all__ = ["Accuracy", "exact_set_rate", "topk_accuracy"]


class Accuracy(Metric):
    """The referee's top-k accuracy and exact-set rate; beside them the guide's, and the lab's ResNet-18's if given.

    Scored are the pictures of the task's condition lists, all together and list by list; where the data has none, those
    of held-out pictures' conditions; and, for sets, by the number of objects asked for. The ceiling is the same score
    of real held-out pictures.
    """

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "Accuracy"
    better: ClassVar[Better] = "higher"
    version: ClassVar[int] = 2
    needs_conditions: ClassVar[bool] = True

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``accuracy``, ``exact_set``, their parts, ``accuracy_guide``, ``guide_gap``, ``accuracy_resnet18``.

        Data without two conditions to tell apart has no accuracy: no values.

        Raises:
            DataError: when there are no pictures to score, they are of the wrong size, or a condition is empty.
        """
        if not has_conditions(context):
            return []
        referee = context.evaluators.referee
        parts = score_sets(context, referee)
        whole = together(parts)
        values = _both(context, referee, whole)
        if list(parts) != [FIDELITY]:
            for name in sorted(parts):
                values += _both(context, referee, parts[name], suffix=f"/{name}")
        if not context.data.info.exclusive:
            values += _by_size(context, referee, whole)
        for other in (context.evaluators.guide, *context.evaluators.extra):
            values.append(_both(context, other, together(score_sets(context, other)), suffix=f"_{other.role}")[0])
            if other is context.evaluators.guide:
                values.append(_gap(values[-1], values[0]))
        return values

    def draw(self, context: MetricContext, folder: Path) -> Sequence[Path]:
        """``objects.csv``, each object's accuracy and ceiling, and ``confusion.png``, what is seen in its place."""
        from genbench.metrics.drawing import draw_confusion, write_objects

        if not has_conditions(context):
            return ()
        scored = together(score_sets(context, context.evaluators.referee))
        names = context.data.info.conditions
        return (
            write_objects(scored, names, folder / "objects.csv"),
            draw_confusion(scored, names, folder / "confusion.png"),
        )


def _both(context: MetricContext, evaluator: Evaluator, scored: Scored, suffix: str = "") -> list[Value]:
    """Accuracy and exact-set rate with their ceilings and intervals."""
    identity = conditional_identity(context, evaluator, scored, "top-k")
    accuracy, exact = (rule(scored.logits, scored.conditions) for rule in (topk_accuracy, exact_set_rate))
    real = scored.real_logits, scored.real_conditions
    ceilings = [rule(*real) if len(real[0]) else None for rule in (topk_accuracy, exact_set_rate)]
    error, count = topk_error(scored.logits, scored.conditions), len(scored.conditions)
    binomial = float(np.sqrt(exact * (1 - exact) / count))
    return [
        share(f"accuracy{suffix}", accuracy, error, count, identity, ceilings[0]),
        share(f"exact_set{suffix}", exact, binomial, count, identity, ceilings[1]),
    ]


def _by_size(context: MetricContext, referee: Evaluator, scored: Scored) -> list[Value]:
    """Accuracy by how many objects were asked for, where that differs."""
    made, real = (np.asarray(rows).sum(axis=1) for rows in (scored.conditions, scored.real_conditions))
    sizes = np.unique(made)
    if len(sizes) < 2:
        return []
    values = []
    for size in sizes:
        objects = "1_object" if size == 1 else f"{size}_objects"
        values.append(_both(context, referee, scored.where(made == size, real == size), suffix=f"/{objects}")[0])
    return values


def _gap(guide: Value, referee: Value) -> Value:
    """By how much the guide is easier to please than the referee, beside the same for real pictures.

    A family that trains on the guide, or samples by it, can learn what fools it; the gap then exceeds that of real
    pictures.
    """
    ceiling = None if guide.ceiling is None or referee.ceiling is None else guide.ceiling - referee.ceiling
    identity = {
        **referee.identity,
        "guide": guide.identity["evaluator"],
        "guide_weights": guide.identity["weights"],
    }
    return Value("guide_gap", guide.value - referee.value, identity, ceiling)
