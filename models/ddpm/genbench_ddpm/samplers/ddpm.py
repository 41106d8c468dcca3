"""Ancestral sampling (Ho et al., 2020, algorithm 2), also over a subset of the timesteps (Nichol & Dhariwal, 2021)."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from genbench_ddpm.prediction import Estimate
from genbench_ddpm.samplers.base import Noise, Sampler
from genbench_ddpm.schedules import NoiseProcess

Variance = Literal["fixed_small", "fixed_large"]


class DDPMSampler(Sampler):
    """x_s = μ̃(x_t, x̂₀) + σ·z, with z = 0 in the last step.

    The mean is that of q(x_s | x_t, x₀) (eq. 7), with α = ᾱ_t/ᾱ_s and β = 1-α of the step from s to t::

        μ̃ = √ᾱ_s·β/(1-ᾱ_t)·x̂₀ + √α·(1-ᾱ_s)/(1-ᾱ_t)·x_t

    Its variance is the posterior's, β̃ = (1-ᾱ_s)/(1-ᾱ_t)·β (``fixed_small``), or β (``fixed_large``).
    """

    def __init__(self, process: NoiseProcess, *, variance: Variance = "fixed_small") -> None:
        super().__init__(process)
        self.variance = variance

    def step(self, x: Tensor, estimate: Estimate, t: int, s: int, noise: Noise) -> Tensor:
        """One ancestral step."""
        ahead, here = self.process.alpha_bar(s), self.process.alpha_bar(t)
        alpha = here / ahead
        beta = 1 - alpha
        mean = (math.sqrt(ahead) * beta * estimate.clean + math.sqrt(alpha) * (1 - ahead) * x) / (1 - here)
        if s < 0:
            return mean
        variance = beta if self.variance == "fixed_large" else (1 - ahead) / (1 - here) * beta
        return mean + math.sqrt(variance) * noise()
