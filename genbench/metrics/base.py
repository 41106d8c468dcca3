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
from genbench.errors import DataError

if TYPE_CHECKING:
    from genbench.evaluators import Evaluators
    from genbench.metrics.reference import ReferenceFeatures

NORMAL_95 = 1.959964
"""The 97.5 % point of the normal distribution."""

FIDELITY = "fidelity"
"""The picture set whose conditions are those of held-out pictures."""

Identity = Mapping[str, str | int | float | None]
"""What makes two numbers comparable: metric, extractor and its weights' hash, resize, sample count, reference and its
hash. Two values may stand in one column only when their identities are equal."""


Better = Literal["higher", "lower", "neither"]


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
        source: which pictures the source's are, e.g. ``"mnist@28/test"``.
        source_hash: the source data's identity.
    """

    target_logits: npt.NDArray[np.float32]
    target_labels: npt.NDArray[np.int64]
    source_logits: npt.NDArray[np.float32]
    source_labels: npt.NDArray[np.int64]
    source: str = "source/test"
    source_hash: str | None = None


class NotMeasurable(DataError):  # noqa: N818 - a state of affairs, like Diverged
    """A metric has nothing to say about these pictures (too few, no classes, no weights).

    Asked for by name, that is an error; a metric that runs by default is left out.
    """


@dataclass(frozen=True)
class Value:
    """One number of one run.

    Attributes:
        name: the metric's, or ``name/part`` or ``name_variant``.
        value: the number.
        identity: what makes it comparable.
        ceiling: what real held-out pictures score under the same identity, where that is a sensible question.
        low, high: 95 % interval of the value over other samples of the same size, from the same model and the same
            source of real pictures; it says nothing about training again. None where a metric has none.
        stderr_generated: the part of its standard error that is due to the generated sample.
        stderr_reference: the part that is due to the sample of real pictures, and common to all runs compared.
    """

    name: str
    value: float
    identity: Identity
    ceiling: float | None = None
    low: float | None = None
    high: float | None = None
    stderr_generated: float | None = None
    stderr_reference: float | None = None


@dataclass(frozen=True)
class Estimate:
    """A number with its standard errors, where they are known, before it is given a name and an identity."""

    value: float
    stderr_generated: float | None = None
    stderr_reference: float | None = None

    def named(self, name: str, identity: Identity, *, lowest: float = -np.inf, highest: float = np.inf) -> Value:
        """As a `Value`, with the interval value ± 1.96 √(SE_g² + SE_r²) cut to what is possible."""
        errors = [error for error in (self.stderr_generated, self.stderr_reference) if error is not None]
        if not errors:
            return Value(name, self.value, identity)
        half = NORMAL_95 * float(np.hypot.reduce(errors))
        low, high = max(lowest, self.value - half), min(highest, self.value + half)
        return Value(name, self.value, identity, None, low, high, self.stderr_generated, self.stderr_reference)


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
        reference_features: features of such pictures, read from a file, in place of either.
        extractor: name of the feature extractor, or None for Inception-v3 where its weights are, else the referee.
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
    reference_features: ReferenceFeatures | None = None
    extractor: str | None = None
    cache: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    predictions: Predictions | None = None


class Metric(ABC):
    """A measure of generated pictures, found by the entry-point group ``genbench.metrics``.

    Attributes:
        name: the column's name.
        title: what tables print.
        better: whether ``"higher"`` or ``"lower"`` values are better; ``"neither"`` where a value in between is best.
        version: raised when the same pictures would give another value; part of the evaluate stage's hash.
        task: what kind of family it measures.
        needs_conditions: whether pictures without known conditions cannot be measured.
        by_default: whether it is measured when no metrics are asked for by name: those that take long are not.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    better: ClassVar[Better]
    version: ClassVar[int] = 1
    task: ClassVar[Task] = "generation"
    needs_conditions: ClassVar[bool] = False
    by_default: ClassVar[bool] = True

    @abstractmethod
    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Measure. The first value is the headline and carries the metric's own name; others refine it, named
        ``name/part`` (``accuracy/new_test``) or ``name_variant``.

        Raises:
            NotMeasurable: when these pictures are not for this metric (too few, no classes), saying what would do.
            DataError: when something is wrong with them (wrong size, features that are not finite).
        """

    def draw(self, context: MetricContext, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Draw figures and tables of what was measured into ``folder``; return the files. Default: none.

        Raises as `compute` does.
        """
        return ()
