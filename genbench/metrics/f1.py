"""F1: accuracy without telling the referee how many objects to look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from genbench.evaluators.evaluator import Evaluator
from genbench.evaluators.scoring import f1_scores
from genbench.metrics.base import Better, Metric, MetricContext, Value
from genbench.metrics.conditional import conditional_identity, has_conditions, score_sets, together


class F1(Metric):
    """The referee's macro F1, and micro F1 beside it; the lab's ResNet-18's if given. Ceilings are real pictures'.

    The top-k rule of accuracy knows how many objects there should be, and so never counts one too many. Here what is
    seen is decided object by object.
    """

    name: ClassVar[str] = "f1"
    title: ClassVar[str] = "F1 (macro)"
    better: ClassVar[Better] = "higher"
    needs_conditions: ClassVar[bool] = True

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``f1``, ``f1_micro``, and ``f1_resnet18``; none for data without two conditions to tell apart.

        Raises:
            DataError: when there are no pictures to score, they are of the wrong size, or a condition is empty.
        """
        if not has_conditions(context):
            return []
        values = _both(context, context.evaluators.referee)
        for other in context.evaluators.extra:
            values.append(_both(context, other, f"_{other.role}")[0])
        return values


def _both(context: MetricContext, evaluator: Evaluator, suffix: str = "") -> list[Value]:
    scored = together(score_sets(context, evaluator))
    exclusive = context.data.info.exclusive
    identity = conditional_identity(context, evaluator, scored, "highest logit" if exclusive else "logit above 0")
    made = f1_scores(scored.logits, scored.conditions, exclusive=exclusive)
    real = f1_scores(scored.real_logits, scored.real_conditions, exclusive=exclusive)
    names = (f"f1{suffix}", f"f1_micro{suffix}")
    return [Value(name, value, identity, most) for name, value, most in zip(names, made, real, strict=True)]
