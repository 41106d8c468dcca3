"""What a metric is: pictures and their conditions in, values with an identity out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from genbench.api import Task
from genbench.data.base import ImageData, UInt8Array

if TYPE_CHECKING:
    from genbench.evaluators import Evaluators

Identity = Mapping[str, str | int | float | None]
"""What makes two numbers comparable: metric, extractor and its weights' hash, resize, sample count, reference and its
hash. Two values may stand in one column only when their identities are equal."""


@dataclass(frozen=True)
class Pictures:
    """Generated (or foreign) pictures uint8 [N, H, W, C], and the conditions uint8 [N, K] that they were made for."""

    images: UInt8Array
    conditions: UInt8Array


@dataclass(frozen=True)
class Predictions:
    """What an adapted classifier says of held-out pictures of both domains.

    Attributes:
        target_logits: float32 [N, K] for the target's test split, in its order.
        target_labels: int64 [N], the truth.
        source_logits: float32 [M, K] for the source's test split, in its order.
        source_labels: int64 [M], the truth.
    """

    target_logits: npt.NDArray[np.float32]
    target_labels: npt.NDArray[np.int64]
    source_logits: npt.NDArray[np.float32]
    source_labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Value:
    """One number of one run.

    ``ceiling`` is what real held-out pictures score under the same identity, where that is a sensible question.
    """

    name: str
    value: float
    identity: Identity
    ceiling: float | None = None


@dataclass(frozen=True)
class MetricContext:
    """What a metric may use.

    Attributes:
        data: the data set, for its held-out reference pictures; for adaptation, the target.
        pictures: picture sets by name: ``"fidelity"`` has the conditions of held-out pictures, and there is one set for
            each of the data's condition lists, whose conditions are repeated.
        evaluators: guide, referee and further frozen classifiers, loaded on first use.
        device: where to compute.
        inception_weights: a file of Inception-v3 weights, or None when there is none.
        reference: real pictures uint8 [N, H, W, C] to compare with in place of the data's held-out ones, or None.
        cache: folder for features that are worth keeping.
        options: free settings by metric name.
        predictions: for task adaptation, in place of pictures.
    """

    data: ImageData
    pictures: Mapping[str, Pictures]
    evaluators: Evaluators
    device: torch.device
    inception_weights: Path | None = None
    reference: UInt8Array | None = None
    cache: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    predictions: Predictions | None = None


class Metric(ABC):
    """A measure of generated pictures, found by the entry-point group ``genbench.metrics``.

    Attributes:
        name: the column's name.
        title: what tables print.
        better: whether ``"higher"`` or ``"lower"`` values are better.
        version: raised when the same pictures would give another value; part of the evaluate stage's hash.
        task: what kind of family it measures.
        needs_conditions: whether pictures without known conditions cannot be measured.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    better: ClassVar[Literal["higher", "lower"]]
    version: ClassVar[int] = 1
    task: ClassVar[Task] = "generation"
    needs_conditions: ClassVar[bool] = False

    @abstractmethod
    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Measure. The first value is the headline and carries the metric's own name; others refine it, named
        ``name/part`` (``accuracy/new_test``) or ``name_variant``.

        Raises:
            DataError: when the pictures cannot be measured (too few, wrong size), saying what would do.
        """
