"""Kernel inception distance (Bińkowski et al., 2018): the squared maximum mean discrepancy of features, unbiased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from genbench.metrics.base import Better, Estimate
from genbench.metrics.extractors import Features
from genbench.metrics.fidelity import FidelityMetric
from genbench.metrics.frechet import Array, checked_features

SUBSETS, SUBSET_SIZE, SUBSET_SEED = 100, 1000, 2020
"""How torch-fidelity averages: so many subsets of so many pictures, drawn from this seed."""

_BLOCK = 2048


def kid(x: npt.ArrayLike, y: npt.ArrayLike) -> Estimate:
    """The unbiased estimate of MMD² from all pictures, with standard errors.

    MMD² = E k(x, x') + E k(y, y') - 2 E k(x, y) with k(a, b) = (a·b / D + 1)³, pairs of equal index left out
    (Gretton et al., 2012, eq. 3). Its expectation is 0 for equal distributions, whatever the sample size, so single
    values may be negative. It is a U-statistic: picture i moves it by
    ψ_i = 2 (mean_j k(x_i, x_j) - mean_j k(x_i, y_j)), and the standard error due to one side is the standard deviation
    of ψ over √N (Hoeffding, 1948). Where the distributions are equal, that is more than the true one, and intervals are
    too wide rather than too narrow.

    Args:
        x: features of generated pictures [N, D], N ≥ 2.
        y: features of real pictures [M, D], M ≥ 2.

    Raises:
        DataError: when a set has fewer than two vectors, numbers that are not finite, or the dimensions differ.
    """
    first, second = checked_features(x, y, what="KID")
    within = [_kernel_sums(part, part) - _self_kernel(part) for part in (first, second)]
    between = [_kernel_sums(first, second), _kernel_sums(second, first)]
    n, m = len(first), len(second)
    value = within[0].sum() / (n * (n - 1)) + within[1].sum() / (m * (m - 1)) - 2 * between[0].sum() / (n * m)
    influence = [2 * (within[0] / (n - 1) - between[0] / m), 2 * (within[1] / (m - 1) - between[1] / n)]
    return Estimate(float(value), *(float(part.std(ddof=1) / np.sqrt(len(part))) for part in influence))


def kid_of_subsets(
    x: npt.ArrayLike, y: npt.ArrayLike, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE, seed: int = SUBSET_SEED
) -> tuple[float, float]:
    """Mean and standard deviation of KID over random subsets, as torch-fidelity (and Bińkowski et al.) report it.

    The expectation is that of `kid`; subsets only add noise. ``size`` is at most the number of pictures on either side,
    and is lowered to it.

    Raises:
        DataError: as `kid` does, or when there are no subsets.
    """
    first, second = checked_features(x, y, what="KID")
    size = min(size, len(first), len(second))
    rng = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        rows = [rng.choice(len(part), size, replace=False) for part in (first, second)]
        values.append(kid(first[rows[0]], second[rows[1]]).value)
    return float(np.mean(values)), float(np.std(values))


class KID(FidelityMetric):
    """KID of n generated pictures against as many real held-out ones. Small samples make it noisy, but not biased."""

    name: ClassVar[str] = "kid"
    title: ClassVar[str] = "KID"
    better: ClassVar[Better] = "lower"
    lowest: ClassVar[float] = -np.inf

    def settings(self) -> Mapping[str, str | int | float | None]:
        """The kernel and the estimator."""
        return {"kernel": "(x·y/D + 1)³", "estimator": "unbiased, all pictures"}

    def estimate(self, generated: Features, real: Features) -> Estimate:
        """The squared maximum mean discrepancy."""
        return kid(generated, real)


class KIDSubsets(KID):
    """KID as other tools print it: the mean over 100 subsets of 1,000 pictures. Slower and noisier than `KID`."""

    name: ClassVar[str] = "kid_subsets"
    title: ClassVar[str] = "KID (subsets)"
    by_default: ClassVar[bool] = False

    def settings(self) -> Mapping[str, str | int | float | None]:
        """The kernel and the subsets."""
        return {"kernel": "(x·y/D + 1)³", "estimator": f"mean of {SUBSETS} subsets of at most {SUBSET_SIZE}"}

    def estimate(self, generated: Features, real: Features) -> Estimate:
        """The mean over subsets. Its interval is that of `kid`: subsets overlap, so their spread says nothing of it."""
        whole = kid(generated, real)
        if max(len(generated), len(real)) <= SUBSET_SIZE:  # every subset is the whole
            return whole
        return Estimate(kid_of_subsets(generated, real)[0], whole.stderr_generated, whole.stderr_reference)


def _kernel(a: Array, b: Array) -> Array:
    values: Array = (a @ b.T / a.shape[1] + 1) ** 3
    return values


def _kernel_sums(a: Array, b: Array) -> Array:
    """Σ_j k(a_i, b_j) for each i, [N]."""
    return np.concatenate([_kernel(a[i : i + _BLOCK], b).sum(axis=1) for i in range(0, len(a), _BLOCK)])


def _self_kernel(a: Array) -> Array:
    values: Array = ((a**2).sum(axis=1) / a.shape[1] + 1) ** 3
    return values
