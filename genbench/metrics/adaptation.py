"""How well an adapted classifier does on the domain whose labels it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from genbench.api import Task
from genbench.errors import DataError
from genbench.metrics.base import Identity, Metric, MetricContext, Value


def top1_accuracy(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """The share of rows whose highest score is the label's; of equal scores, the lower index counts as higher.

    Args:
        logits: [N, K], finite.
        labels: [N], each in [0, K).

    Raises:
        DataError: when there are no rows, shapes differ, a score is not finite or a label out of range.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise DataError(f"accuracy needs one row of scores a label, not {logits.shape} for {labels.shape}")
    if not np.isfinite(logits).all():
        raise DataError("the classifier's scores are not all finite numbers")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise DataError(f"labels {labels.min()} to {labels.max()} do not fit {logits.shape[1]} classes")
    return float((logits.argmax(axis=1) == labels).mean())


class TargetAccuracy(Metric):
    """Top-1 accuracy on the target's test split, and on the source's beside it."""

    name: ClassVar[str] = "target_accuracy"
    title: ClassVar[str] = "Target accuracy"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    version: ClassVar[int] = 2
    task: ClassVar[Task] = "adaptation"

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``target_accuracy`` and ``target_accuracy_source``.

        Raises:
            DataError: when there are no predictions, or they do not fit the labels.
        """
        found = context.predictions
        if found is None:
            raise DataError(f"{context.data.info.name}: there are no predictions to score")
        values = []
        target = f"{context.data.info.name}@{context.data.info.resolution}/test"
        for name, pictures, known, logits, labels in (
            (self.name, target, context.data.identity, found.target_logits, found.target_labels),
            (f"{self.name}_source", found.source, found.source_hash, found.source_logits, found.source_labels),
        ):
            identity: Identity = {
                "rule": "top-1",
                "samples": len(labels),
                "reference": pictures,
                "reference_hash": None if known is None else known[:16],
            }
            values.append(Value(name, top1_accuracy(logits, labels), identity))
        return values
