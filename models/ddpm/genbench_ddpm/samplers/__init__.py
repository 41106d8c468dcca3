"""The way back from noise to pictures: one file a sampler, any of them with any trained network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

from torch import Tensor

from genbench_ddpm.prediction import Estimate
from genbench_ddpm.samplers.base import Noise, Sampler, Spacing, timesteps
from genbench_ddpm.samplers.ddim import DDIMSampler
from genbench_ddpm.samplers.ddpm import DDPMSampler, Variance
from genbench_ddpm.samplers.dpm_solver import DPMSolverSampler
from genbench_ddpm.schedules import NoiseProcess

__all__ = [
    "DDIMSampler",
    "DDPMSampler",
    "DPMSolverSampler",
    "Noise",
    "Sampler",
    "SamplerName",
    "Spacing",
    "Variance",
    "make_sampler",
    "timesteps",
    "walk",
]

SamplerName = Literal["ddpm", "ddim", "dpm-solver++"]


def make_sampler(name: SamplerName, process: NoiseProcess, *, eta: float, variance: Variance) -> Sampler:
    """A fresh sampler by name; ``eta`` is for ``ddim``, ``variance`` for ``ddpm``."""
    if name == "ddpm":
        return DDPMSampler(process, variance=variance)
    if name == "ddim":
        return DDIMSampler(process, eta=eta)
    return DPMSolverSampler(process)


def walk(
    predict: Callable[[Tensor, int], Estimate], sampler: Sampler, x: Tensor, path: list[int], noise: Noise
) -> Iterator[Tensor]:
    """Follow a path of timesteps, yielding x after each step.

    Args:
        predict: estimates x₀ and ε from x_t and t.
        sampler: how to step.
        x: the start, x_t for t = path[0].
        path: timesteps to visit, from the start to the last one, -1 for the clean picture.
        noise: for stochastic samplers.
    """
    for t, s in pairwise(path):
        x = sampler.step(x, predict(x, t), t, s, noise)
        yield x
