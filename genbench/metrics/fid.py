"""Fréchet inception distance (Heusel et al., 2017): how far apart two sets of pictures lie as Gaussians of features."""

from __future__ import annotations

from typing import ClassVar

from genbench.metrics.base import Better, Estimate
from genbench.metrics.extractors import Features
from genbench.metrics.fidelity import FidelityMetric
from genbench.metrics.frechet import frechet, frechet_distance, trace_root

__all__ = ["FID", "frechet", "frechet_distance", "trace_root"]


class FID(FidelityMetric):
    """FID of n generated pictures against as many real held-out ones. At small n it is mostly bias: see its floor."""

    name: ClassVar[str] = "fid"
    title: ClassVar[str] = "FID"
    better: ClassVar[Better] = "lower"
    version: ClassVar[int] = 2

    def estimate(self, generated: Features, real: Features) -> Estimate:
        """The Fréchet distance."""
        return frechet(generated, real)
