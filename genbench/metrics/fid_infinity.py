"""FID∞ (Chong & Forsyth, 2020): FID extrapolated to endlessly many generated pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from genbench.metrics.base import Better, Estimate, Identity, Metric, MetricContext, NotMeasurable, Value
from genbench.metrics.extractors import choose_extractor
from genbench.metrics.features import extract
from genbench.metrics.fidelity import enough_pictures
from genbench.metrics.frechet import Array, centred, checked_features, frechet, triangle
from genbench.metrics.reference import EVERY, compared_with

POINTS = 15
LEAST = 1000
"""Fewest generated pictures; and no fewer than twice the number of features."""


def fewest(dimension: int) -> int:
    """How many generated pictures FID∞ needs: FID is linear in 1/n only where n is at least the number of features."""
    return max(LEAST, 2 * dimension)


def fid_infinity(x: npt.ArrayLike, y: npt.ArrayLike, *, seed: int = 0) -> tuple[Estimate, float]:
    """The intercept of a line through FID against 1/n, and its fit error.

    FID at n generated pictures is biased by about c/n, with a c that differs between models, so that FID at any one n
    can rank them wrongly. `POINTS` random subsets of n/2 to n generated pictures are compared with all real ones; the
    line's value at 1/n = 0 is free of the generated sample's bias (that of the real sample stays, and is the same for
    all models). Near 0 the intercept may be negative.

    Args:
        x: features of generated pictures [N, D], N ≥ `fewest` (D).
        y: features of real pictures [M, D], M ≥ 2.
        seed: of the subsets.

    Returns:
        The intercept, whose standard error joins that of the sample and that of the fit; and the fit error alone, the
        standard error of the intercept by least squares.

    Raises:
        NotMeasurable: when there are fewer generated pictures.
        DataError: as `frechet` does.
    """
    made, real = checked_features(x, y, what="FID∞")
    least = fewest(made.shape[1])
    if len(made) < least:
        raise NotMeasurable(
            f"FID∞ from {made.shape[1]} features needs at least {least} generated pictures, not {len(made)}: "
            f"add --pictures {least}, or take another extractor"
        )
    rng = np.random.default_rng(seed)
    counts = np.linspace(len(made) // 2, len(made), POINTS).astype(int)
    fixed = triangle(centred(real))
    values = [_distance(made[rng.permutation(len(made))[:count]], real, fixed) for count in counts]
    intercept, error = _intercept(1 / counts, np.array(values))
    whole = frechet(made, real)
    joined = float(np.hypot(whole.stderr_generated or 0.0, error))
    return Estimate(intercept, joined, whole.stderr_reference), error


class FIDInfinity(Metric):
    """FID∞ against all real held-out pictures, and the fit error beside it."""

    name: ClassVar[str] = "fid_inf"
    title: ClassVar[str] = "FID∞"
    better: ClassVar[Better] = "lower"
    by_default: ClassVar[bool] = False

    def compute(self, context: MetricContext) -> Sequence[Value]:
        """Values ``fid_inf`` and ``fid_inf_fit_error``.

        Raises:
            NotMeasurable: when there are fewer pictures than `fewest`.
        """
        images = enough_pictures(context, self.title, LEAST)
        extractor = choose_extractor(context)
        real, reference = compared_with(context, extractor, EVERY)
        settings: Mapping[str, str | int] = {"fit": f"line through {POINTS} subsets of n/2 to n", "seed": 0}
        identity: Identity = {**extractor.identity, **settings, "samples": len(images), **reference}
        estimate, error = fid_infinity(extract(extractor, images, context.cache), real)
        return [estimate.named(self.name, identity), Value(f"{self.name}_fit_error", error, identity)]


def _distance(x: Array, real: Array, fixed: Array) -> float:
    """FID against real features whose triangle is at hand."""
    a, shift = triangle(centred(x)), x.mean(axis=0) - real.mean(axis=0)
    root = np.linalg.svd(a @ fixed.T, compute_uv=False).sum()
    return float(shift @ shift + (a**2).sum() + (fixed**2).sum() - 2 * root)


def _intercept(inverse: Array, values: Array) -> tuple[float, float]:
    """Value at 0 of the least-squares line, and its standard error."""
    design = np.stack([np.ones_like(inverse), inverse], axis=1)
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ solution
    variance = residual @ residual / (len(values) - 2)
    return float(solution[0]), float(np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0]))
