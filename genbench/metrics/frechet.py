"""The Fréchet distance between Gaussians of features, and its standard error, from one singular value decomposition.

FID = ‖μ₁ - μ₂‖² + tr Σ₁ + tr Σ₂ - 2 tr √(Σ₁Σ₂) (Dowson & Landau, 1982; Heusel et al., 2017, eq. 6). With the centred
features A = (x - μ₁)/√(N-1) and B = (y - μ₂)/√(M-1), Σ₁Σ₂ = AᵀA BᵀB has, beside zeros, the eigenvalues of
(A Bᵀ)(A Bᵀ)ᵀ, so tr √(Σ₁Σ₂) is the nuclear norm of A Bᵀ = U diag(s) Vᵀ: the sum of its singular values. With more
vectors than features A and B are first replaced by the triangles of their QR decompositions.

The same decomposition gives the influence of every single picture. When picture i weighs w_i, AᵀA becomes
Σ w_i a_i a_iᵀ, and the nuclear norm changes by ½ (U diag(s) Uᵀ)_ii = ½ Σ_k s_k U_ik² for each unit of w_i. So picture i
moves FID by

    ψ_i = 2 (x_i - μ₁)·(μ₁ - μ₂) + N ‖a_i‖² - N Σ_k s_k U_ik²

up to a constant, and the standard error due to the generated sample is the standard deviation of ψ over √N
(infinitesimal jackknife; Jaeckel, 1972; Efron & Tibshirani, 1993, ch. 21), and likewise on the other side. A naive
bootstrap estimates the same error with hundreds of decompositions, and its replicates lie too high, because repeated
pictures make a sample that is smaller than it looks; this is centred on FID itself and needs no correction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genbench.errors import DataError
from genbench.metrics.base import Estimate

Array = npt.NDArray[np.float64]

_NOTHING = 1e-12
"""Singular values below this share of the largest are rounding."""


def frechet(x: npt.ArrayLike, y: npt.ArrayLike) -> Estimate:
    """FID of generated features against real ones at these sample sizes, with both standard errors.

    The interval is about the expected FID at these sample sizes, bias and all; `genbench.metrics.fid_infinity` is
    about the bias.

    Args:
        x: features of generated pictures [N, D], N ≥ 2.
        y: features of real pictures [M, D], M ≥ 2.

    Returns:
        The distance, at least 0.

    Raises:
        DataError: when a set has fewer than two vectors, numbers that are not finite, or the dimensions differ.
    """
    first, second = checked_features(x, y)
    shift = first.mean(axis=0) - second.mean(axis=0)
    a, b = centred(first), centred(second)
    ra, rb = triangle(a), triangle(b)
    u, s, vt = np.linalg.svd(ra @ rb.T, full_matrices=False)
    distance = shift @ shift + (a**2).sum() + (b**2).sum() - 2 * s.sum()
    pairs = ((first, shift, a, rb.T @ vt.T), (second, -shift, b, ra.T @ u))
    errors = [
        _standard_error(2 * (points - points.mean(axis=0)) @ towards, rows, rows @ onto, s)
        for points, towards, rows, onto in pairs
    ]
    return Estimate(max(0.0, float(distance)), *errors)


def frechet_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """The distance alone: see `frechet`."""
    first, second = checked_features(x, y)
    shift = first.mean(axis=0) - second.mean(axis=0)
    spread = first.var(axis=0, ddof=1).sum() + second.var(axis=0, ddof=1).sum()
    return max(0.0, float(shift @ shift + spread - 2 * trace_root(first, second)))


def trace_root(x: Array, y: Array) -> float:
    """tr √(Σ₁Σ₂) of two sets of features [N, D] and [M, D]."""
    a, b = triangle(centred(x)), triangle(centred(y))
    return float(np.linalg.svd(a @ b.T, compute_uv=False).sum())


def centred(x: Array) -> Array:
    """A = (x - μ)/√(N-1), so that AᵀA is the covariance."""
    centre: Array = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return centre


def triangle(a: Array) -> Array:
    """A matrix R with at most D rows and RᵀR = AᵀA."""
    return a if len(a) <= a.shape[1] else np.asarray(np.linalg.qr(a, mode="r"))


def checked_features(x: npt.ArrayLike, y: npt.ArrayLike, *, what: str = "FID", least: int = 2) -> tuple[Array, Array]:
    """Two sets of features as float64.

    Raises:
        DataError: when a set has fewer than ``least`` vectors, numbers that are not finite, or the dimensions differ.
    """
    pair: list[Array] = []
    for values in (x, y):
        features: npt.NDArray[Any] = np.asarray(values, dtype=np.float64)
        if features.ndim != 2 or len(features) < least:
            count = {2: "two"}.get(least, str(least))
            raise DataError(f"{what} needs at least {count} pictures on either side, not {len(features)}")
        if not np.isfinite(features).all():
            raise DataError(f"{what} needs features that are finite numbers")
        pair.append(features)
    if pair[0].shape[1] != pair[1].shape[1]:
        sizes = f"{pair[0].shape[1]} and {pair[1].shape[1]}"
        raise DataError(f"{what} needs features of one dimension, not {sizes}")
    return pair[0], pair[1]


def _standard_error(linear: Array, rows: Array, scaled: Array, s: Array) -> float:
    """From each picture's influence ψ: the change of the mean, of the spread, and of the nuclear norm.

    ``scaled`` is U diag(s), for all N rows even where the decomposition was of triangles: A Bᵀ V.
    """
    count, kept = len(rows), s > _NOTHING * s.max(initial=0.0)
    leverage = (scaled[:, kept] ** 2) @ (1 / s[kept])
    influence = linear + count * (rows**2).sum(axis=1) - count * leverage
    return float(influence.std(ddof=1) / np.sqrt(count))
