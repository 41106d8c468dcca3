"""DPM-Solver++ of second order, multistep (Lu et al., 2022, algorithm 2)."""

from __future__ import annotations

import math

from torch import Tensor

from genbench_ddpm.prediction import Estimate
from genbench_ddpm.samplers.base import Noise, Sampler
from genbench_ddpm.schedules import NoiseProcess


class DPMSolverSampler(Sampler):
    """Solves the probability-flow ODE in λ = log(√ᾱ/√(1-ᾱ)), half the logarithm of the signal-to-noise ratio.

    With h = λ_s - λ_t, h' the step before it and r = h'/h::

        D   = x̂₀ + (x̂₀ - x̂₀')/(2r)                       x̂₀' the estimate of the step before
        x_s = σ_s/σ_t·x_t - α_s·(e^{-h} - 1)·D           α = √ᾱ, σ = √(1-ᾱ)

    The first step has no x̂₀', and the last lands on x̂₀ itself; both are of first order (D = x̂₀), which is DDIM.
    """

    def __init__(self, process: NoiseProcess) -> None:
        super().__init__(process)
        self._previous: tuple[Tensor, float] | None = None

    def step(self, x: Tensor, estimate: Estimate, t: int, s: int, noise: Noise) -> Tensor:  # noqa: ARG002
        """One deterministic step."""
        ahead, here = self.process.alpha_bar(s), self.process.alpha_bar(t)
        h = _half_log_snr(ahead) - _half_log_snr(here)
        direction = estimate.clean
        if self._previous is not None and s >= 0:
            clean, h_before = self._previous
            direction = direction + (direction - clean) * (h / (2 * h_before))
        self._previous = estimate.clean, h
        decay = math.sqrt((1 - ahead) / (1 - here))
        # α_s·(1 - e^{-h}) without λ, which is infinite at both ends
        return decay * x + (math.sqrt(ahead) - math.sqrt(here) * decay) * direction


def _half_log_snr(alpha_bar: float) -> float:
    if alpha_bar <= 0:
        return -math.inf
    if alpha_bar >= 1:
        return math.inf
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))
