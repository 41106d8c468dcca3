"""Fidelity and diversity apart: improved precision and recall, density and coverage.

Both pairs make of a set of pictures a manifold: the union of balls around each picture's features that reach to its
k-th nearest neighbour in the set. P are the real pictures, G the generated ones:

* precision: the share of G inside the manifold of P; recall: the share of P inside the manifold of G
  (Kynkäänniemi et al., 2019, eq. 1–2; k = 3);
* density: in how many balls of P a generated picture lies, on average, divided by k; coverage: the share of balls of P
  with a generated picture inside (Naeem et al., 2020, eq. 4–5; k = 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from genbench.metrics.base import Better, Estimate
from genbench.metrics.extractors import Features
from genbench.metrics.fidelity import FidelityMetric
from genbench.metrics.frechet import Array, checked_features
from genbench.metrics.neighbours import squared_distances, squared_radii

K_PRECISION, K_COVERAGE = 3, 5

_SLACK = 1 + 1e-9
"""A distance that differs from a radius by rounding only is inside."""


@dataclass(frozen=True)
class Inside:
    """How points lie in balls: for each point the number of balls around it, for each ball whether it is met."""

    balls: npt.NDArray[np.int64]
    met: npt.NDArray[np.bool_]


def inside(points: Array, centres: Array, k: int) -> Inside:
    """Points [N, D] against balls around centres [M, D] that reach to the k-th nearest other centre, rims included."""
    radii = squared_radii(centres, k) * _SLACK
    balls, met = np.empty(len(points), np.int64), np.zeros(len(centres), bool)
    for rows, squared in squared_distances(points, centres):
        within = squared <= radii
        balls[rows] = within.sum(axis=1)
        met |= within.any(axis=0)
    return Inside(balls, met)


def precision(generated: npt.ArrayLike, real: npt.ArrayLike, k: int = K_PRECISION) -> float:
    """The share of generated pictures inside the real manifold. Features [N, D] and [M, D]; N, M > k."""
    made, known = checked_features(generated, real, what="precision", least=k + 1)
    return float((inside(made, known, k).balls > 0).mean())


def recall(generated: npt.ArrayLike, real: npt.ArrayLike, k: int = K_PRECISION) -> float:
    """The share of real pictures inside the generated manifold. Features [N, D] and [M, D]; N, M > k."""
    made, known = checked_features(generated, real, what="recall", least=k + 1)
    return float((inside(known, made, k).balls > 0).mean())


def density(generated: npt.ArrayLike, real: npt.ArrayLike, k: int = K_COVERAGE) -> float:
    """How many real balls a generated picture lies in, over k; above 1 where generated pictures crowd together."""
    made, known = checked_features(generated, real, what="density", least=k + 1)
    return float(inside(made, known, k).balls.mean() / k)


def coverage(generated: npt.ArrayLike, real: npt.ArrayLike, k: int = K_COVERAGE) -> float:
    """The share of real balls with a generated picture inside. Features [N, D] and [M, D]; N, M > k."""
    made, known = checked_features(generated, real, what="coverage", least=k + 1)
    return float(inside(made, known, k).met.mean())


class _Manifold(FidelityMetric):
    """One of the four."""

    better: ClassVar[Better] = "higher"
    k: ClassVar[int]
    function: ClassVar[Callable[[npt.ArrayLike, npt.ArrayLike, int], float]]

    def settings(self) -> Mapping[str, str | int | float | None]:
        """The neighbour that balls reach to."""
        return {"k": self.k}

    def estimate(self, generated: Features, real: Features) -> Estimate:
        """The share or mean; no standard error is known that holds for both samples."""
        return Estimate(type(self).function(generated, real, self.k))


class Precision(_Manifold):
    """Improved precision: are generated pictures like real ones? Its floor row says what real pictures score."""

    name: ClassVar[str] = "precision"
    title: ClassVar[str] = "Precision"
    k, least, function = K_PRECISION, K_PRECISION + 1, precision


class Recall(_Manifold):
    """Improved recall: are real pictures among what is generated?"""

    name: ClassVar[str] = "recall"
    title: ClassVar[str] = "Recall"
    k, least, function = K_PRECISION, K_PRECISION + 1, recall


class Density(_Manifold):
    """Density: like precision, but one odd real picture with a wide ball does not count for much."""

    name: ClassVar[str] = "density"
    title: ClassVar[str] = "Density"
    k, least, function = K_COVERAGE, K_COVERAGE + 1, density


class Coverage(_Manifold):
    """Coverage: like recall, but balls are around real pictures, so odd generated ones cannot feign diversity."""

    name: ClassVar[str] = "coverage"
    title: ClassVar[str] = "Coverage"
    k, least, function = K_COVERAGE, K_COVERAGE + 1, coverage
