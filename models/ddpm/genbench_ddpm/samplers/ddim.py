"""Denoising diffusion implicit models (Song et al., 2021)."""

from __future__ import annotations

import math

from torch import Tensor

from genbench_ddpm.prediction import Estimate
from genbench_ddpm.samplers.base import Noise, Sampler
from genbench_ddpm.schedules import NoiseProcess


class DDIMSampler(Sampler):
    """x_s = √ᾱ_s·x̂₀ + √(1-ᾱ_s-σ²)·ε̂ + σ·z   (eq. 12).

    σ = η·√((1-ᾱ_s)/(1-ᾱ_t)·(1-ᾱ_t/ᾱ_s)) (eq. 16): η = 0 is deterministic, the same noise always gives the same picture;
    η = 1 is ancestral sampling.
    """

    def __init__(self, process: NoiseProcess, *, eta: float = 0.0) -> None:
        super().__init__(process)
        self.eta = eta

    def step(self, x: Tensor, estimate: Estimate, t: int, s: int, noise: Noise) -> Tensor:
        """One step; with η = 0 it may also go up (s > t), which encodes a picture into its noise."""
        ahead, here = self.process.alpha_bar(s), self.process.alpha_bar(t)
        variance = self.eta**2 * (1 - ahead) / (1 - here) * (1 - here / ahead) if self.eta else 0.0
        x = math.sqrt(ahead) * estimate.clean + math.sqrt(1 - ahead - variance) * estimate.noise
        return x + math.sqrt(variance) * noise() if variance > 0 else x
