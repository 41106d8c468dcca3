"""Inception Score (Salimans et al., 2016): do pictures look like one class each, and like many classes together?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from genbench.errors import ConfigError, DataError
from genbench.metrics.base import Better, Identity, Metric, MetricContext, Value
from genbench.metrics.features import extract, pictures_hash, real_pictures
from genbench.metrics.fidelity import enough_pictures
from genbench.metrics.inception import InceptionLogits

SPLITS, SEED, LEAST = 10, 2020, 20


def inception_score(logits: npt.ArrayLike, *, splits: int = SPLITS, seed: int = SEED) -> tuple[float, float]:
    """Mean and standard deviation over splits of exp E_x KL(p(y | x) ‖ p(y)), with torch-fidelity's shuffle.

    Args:
        logits: [N, K], N ≥ 2 · splits.
        splits: parts that the shuffled pictures are cut into; 10 as published.
        seed: of the shuffle.

    Raises:
        DataError: when there are too few rows or a logit is not finite.
    """
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

    scores = np.asarray(logits, np.float64)
    if scores.ndim != 2 or len(scores) < 2 * splits:
        raise DataError(f"the Inception Score of {splits} splits needs at least {2 * splits} pictures")
    if not np.isfinite(scores).all():
        raise DataError("the Inception Score needs logits that are finite numbers")
    found = isc_features_to_metric(torch.from_numpy(scores), splits=splits, shuffle=True, rng_seed=seed)
    return float(found[KEY_METRIC_ISC_MEAN]), float(found[KEY_METRIC_ISC_STD])


class InceptionScore(Metric):
    """The score of generated pictures, with the same of as many real held-out ones as ceiling.

    Inception's classes are ImageNet's: on digits or rendered scenes the score says little, and it never compares with
    real pictures. There is none by the referee: its classes are the conditions, so that score would be accuracy without
    asking whether the class is the right one, and objects of a set are not classes of one softmax.
    """

    name: ClassVar[str] = "inception_score"
    title: ClassVar[str] = "Inception Score"
    better: ClassVar[Better] = "higher"
    by_default: ClassVar[bool] = False

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``inception_score`` and ``inception_score_std``, the standard deviation over splits.

        Raises:
            ConfigError: when there are no Inception weights.
            DataError: when they are not those known, or lack the classifier.
            NotMeasurable: when there are fewer than 20 pictures.
        """
        images = enough_pictures(context, self.title, LEAST)
        path = context.inception_weights
        if path is None:
            raise ConfigError("the Inception Score needs Inception-v3: name its weights by --inception-weights")
        network = _network(path, path.stat().st_mtime_ns, context.device)
        mean, spread = inception_score(extract(network, images, context.cache))
        identity: Identity = {**network.identity, "splits": SPLITS, "seed": SEED, "samples": len(images)}
        real = real_pictures(context, "test", len(images))
        ceiling = inception_score(extract(network, real, context.cache))[0] if len(real) == len(images) else None
        if ceiling is not None:
            identity = {**identity, "reference_hash": pictures_hash(real)}
        return [
            Value(self.name, mean, identity, ceiling),
            Value(f"{self.name}_std", spread, identity),
        ]


@lru_cache(maxsize=1)
def _network(path: Path, changed: int, device: torch.device) -> InceptionLogits:  # noqa: ARG001 - a changed file is read again
    return InceptionLogits.load(path, device)
