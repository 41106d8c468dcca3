"""Fréchet inception distance (Heusel et al., 2017): how far apart two sets of pictures lie as Gaussians of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from genbench.errors import DataError
from genbench.metrics.base import Identity, Metric, MetricContext, Value
from genbench.metrics.features import Features, choose_extractor, extract, pictures_hash, real_pictures

FIDELITY = "fidelity"


def frechet_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """‖μ₁ - μ₂‖² + tr Σ₁ + tr Σ₂ - 2 tr √(Σ₁Σ₂) between Gaussians fitted to two sets of features.

    torch-fidelity computes it from means and covariances. With no more vectors than features (n ≤ D) those covariances
    are singular, and the same number comes some 60 times faster from the features themselves (`trace_root`).

    Args:
        x: features [N, D], N ≥ 2.
        y: features [M, D], M ≥ 2.

    Returns:
        The distance, at least 0.

    Raises:
        DataError: when a set has fewer than two vectors, numbers that are not finite, or the dimensions differ.
    """
    first, second = _features(x), _features(y)
    if first.shape[1] != second.shape[1]:
        raise DataError(f"FID needs features of one dimension, not {first.shape[1]} and {second.shape[1]}")
    if 1 < first.shape[1] < min(len(first), len(second)):
        from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

        statistics = [fid_features_to_statistics(torch.from_numpy(part)) for part in (first, second)]
        return max(0.0, float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]))
    shift = first.mean(axis=0) - second.mean(axis=0)
    spread = first.var(axis=0, ddof=1).sum() + second.var(axis=0, ddof=1).sum()
    return max(0.0, float(shift @ shift + spread - 2 * trace_root(first, second)))


def trace_root(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """tr √(Σ₁Σ₂) from centred features A = (x - μ₁)/√(N-1), B = (y - μ₂)/√(M-1): the nuclear norm of A Bᵀ.

    Σ₁Σ₂ = AᵀA BᵀB has, beside zeros, the eigenvalues of (A Bᵀ)(A Bᵀ)ᵀ; their roots are the singular values of A Bᵀ.
    """
    a = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    b = (y - y.mean(axis=0)) / np.sqrt(len(y) - 1)
    return float(np.linalg.svd(a @ b.T, compute_uv=False).sum())


def _features(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    features = np.asarray(values, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise DataError(f"FID needs at least two pictures on either side, not {len(features)}")
    if not np.isfinite(features).all():
        raise DataError("FID needs features that are finite numbers")
    return features


class FID(Metric):
    """FID of n generated pictures against as many real held-out ones (or all, if there are fewer).

    Beside it stands the *floor*: as many real training pictures against the same real held-out ones. At small n, FID is
    mostly bias, and the floor shows how much. Features are Inception-v3's when its weights are there, else the
    referee's; the identity says which, and the two are never comparable.
    """

    name: ClassVar[str] = "fid"
    title: ClassVar[str] = "FID"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``fid`` and ``fid_floor``.

        Raises:
            DataError: when there are fewer than two pictures, or the extractor cannot be had.
        """
        if FIDELITY not in context.pictures:
            raise DataError(f"{context.data.info.name}: there are no pictures for FID")
        images = context.pictures[FIDELITY].images
        if len(images) < 2:
            raise DataError(f"FID needs at least two pictures, not {len(images)}")
        extractor = choose_extractor(context)
        real = real_pictures(context, "test", len(images))
        train = real_pictures(context, "train", len(images))

        def features(pictures: npt.NDArray[np.uint8]) -> Features:
            return extract(extractor, pictures, context.cache)

        info = context.data.info
        identity: Identity = {
            **extractor.identity,
            "samples": len(images),
            "reference": f"{info.name}@{info.resolution}/test" if context.reference is None else "given pictures",
            "reference_samples": len(real),
            "reference_hash": pictures_hash(real),
        }
        reference = features(real)
        floor = {**identity, "samples": len(train), "of": "train"}
        return [
            Value("fid", frechet_distance(features(images), reference), identity),
            Value("fid_floor", frechet_distance(features(train), reference), floor),
        ]
