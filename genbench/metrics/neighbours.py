"""Nearest neighbours among feature vectors, in blocks that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from genbench.metrics.frechet import Array

_BLOCK = 1024
_EQUAL = 1e-12
"""Squared distances below this share of the vectors' squared lengths are rounding, and count as zero."""


def squared_distances(a: Array, b: Array) -> Iterator[tuple[slice, Array]]:
    """‖a_i - b_j‖² in blocks: a slice of rows of ``a`` [N, D], and their distances to all of ``b`` [M, D].

    Distances of equal vectors are exactly zero, so that copies count as copies.
    """
    length_a, length_b = (a**2).sum(axis=1), (b**2).sum(axis=1)
    for start in range(0, len(a), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(a)))
        lengths = length_a[rows, None] + length_b
        distances = lengths - 2 * (a[rows] @ b.T)
        distances[distances < _EQUAL * lengths] = 0.0
        yield rows, distances


def nearest(a: Array, b: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """For each row of ``a``, the distance to the nearest row of ``b`` and that row's index (the lowest, if several)."""
    distance, index = np.empty(len(a)), np.empty(len(a), np.int64)
    for rows, squared in squared_distances(a, b):
        index[rows] = squared.argmin(axis=1)
        distance[rows] = np.sqrt(squared.min(axis=1))
    return distance, index


def squared_radii(a: Array, k: int) -> Array:
    """For each row of ``a``, the squared distance to its k-th nearest other row; k is less than the number of rows."""
    radii = np.empty(len(a))
    for rows, squared in squared_distances(a, a):
        radii[rows] = np.partition(squared, k, axis=1)[:, k]  # the nearest of all is the row itself
    return radii
