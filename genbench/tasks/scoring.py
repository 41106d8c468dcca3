"""Scoring pictures, ours or made elsewhere, with every metric that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch

from genbench import plugins
from genbench.api import Task
from genbench.data import ImageData
from genbench.data.base import UInt8Array
from genbench.errors import ConfigError
from genbench.evaluators import Evaluators
from genbench.files import file_hash
from genbench.home import home
from genbench.metrics.base import Metric, MetricContext, NotMeasurable, Pictures, Value
from genbench.metrics.features import choose_extractor
from genbench.metrics.inception import find_weights
from genbench.metrics.reference import ReferenceFeatures, reference_features
from genbench.observing import Observer
from genbench.specs import EvaluationSpec

__all__ = ["Scoring", "metrics_for"]


def metrics_for(task: Task, names: Sequence[str]) -> list[Metric]:
    """The metrics of these names, or, without names, all that measure the task and are quick.

    Raises:
        ConfigError: a metric of another task. PluginError: unknown or broken metrics asked for by name.
    """
    if not names:
        good, _ = plugins.available("metrics")
        found = (cast(Metric, metric) for metric in good.values())
        return [m for m in found if m.task == task and getattr(m, "by_default", True)]
    chosen = [plugins.metric(name) for name in names]
    for metric in chosen:
        if metric.task != task:
            raise ConfigError(f"metric {metric.name!r} measures {metric.task}, not {task}: leave it out")
    return chosen


class Scoring:
    """What generated pictures of a data set are scored with.

    Args:
        data: whose held-out pictures are the reference.
        evaluators: the frozen classifiers.
    """

    def __init__(self, data: ImageData, evaluators: Evaluators) -> None:
        self.data = data
        self.evaluators = evaluators

    def metrics(self, evaluation: EvaluationSpec) -> list[Metric]:
        """Those asked for, or the default set; see `metrics_for`."""
        return metrics_for("generation", evaluation.metrics)

    def identity(self, evaluation: EvaluationSpec) -> Mapping[str, Any]:
        """Metrics with their versions, and the weights of everything that scores."""
        weights = find_weights(evaluation.inception_weights)
        classifiers = self.evaluators.extra
        if len(self.data.info.conditions) > 1:
            classifiers = [self.evaluators.referee, self.evaluators.guide, *classifiers]
        named = evaluation.extractor
        extractor = None if named is None else dict(choose_extractor(self._context({}, evaluation)).identity)
        return {
            "metrics": {metric.name: metric.version for metric in self.metrics(evaluation)},
            "evaluators": [dict(evaluator.identity) for evaluator in classifiers],
            "inception": None if weights is None else _known_hash(weights, weights.stat().st_mtime_ns),
            "extractor": extractor,
        }

    def score(
        self,
        pictures: Mapping[str, Pictures],
        metrics: Sequence[Metric],
        evaluation: EvaluationSpec,
        device: torch.device,
        observer: Observer,
        *,
        reference: UInt8Array | ReferenceFeatures | None = None,
        lenient: bool = False,
    ) -> list[Value]:
        """Score any pictures, ours or made elsewhere, against held-out pictures or a ``reference`` of one's own.

        With ``lenient``, metrics that these pictures are not for are left out.
        """
        context = self._context(pictures, evaluation, device)
        if isinstance(reference, ReferenceFeatures):
            context = replace(context, reference_features=reference)
        elif reference is not None:
            context = replace(context, reference=reference)
        observer.stage_started("evaluate", len(metrics), "metrics")
        values: list[Value] = []
        for number, metric in enumerate(metrics, 1):
            with suppress(NotMeasurable) if lenient else nullcontext():
                values += metric.compute(context)
            observer.stage_progress("evaluate", number)
        return values

    def draw(self, pictures: Mapping[str, Pictures], evaluation: EvaluationSpec, target: Path) -> None:
        """Let every metric draw its figures of the pictures, into ``target``."""
        context = self._context(pictures, evaluation)
        for metric in self.metrics(evaluation):
            with suppress(NotMeasurable):  # then there was nothing to measure either
                metric.draw(context, target)

    def reference(self, evaluation: EvaluationSpec, pictures: UInt8Array | None = None) -> ReferenceFeatures:
        """Features of all real pictures that scores are against: the held-out ones, or ``pictures``."""
        context = replace(self._context({}, evaluation), reference=pictures)
        return reference_features(context, choose_extractor(context))

    def _context(
        self, pictures: Mapping[str, Pictures], evaluation: EvaluationSpec, device: torch.device | None = None
    ) -> MetricContext:
        return MetricContext(
            data=self.data,
            pictures=pictures,
            evaluators=self.evaluators,
            device=device or self.evaluators.device,
            inception_weights=find_weights(evaluation.inception_weights),
            extractor=evaluation.extractor,
            cache=home() / "features",
        )


@cache
def _known_hash(path: Path, changed: int) -> str:  # noqa: ARG001 - a changed file is hashed again
    return file_hash(path)
