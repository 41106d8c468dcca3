"""What a deterministic way back makes possible (Song et al., 2021, section 5.3 and 5.4): encoding, interpolation.

DDIM with η = 0 is Euler's method for an ordinary differential equation in x̄ = x/√ᾱ and σ = √((1-ᾱ)/ᾱ) (eq. 14)::

    dx̄ = ε̂(x_t, t)·dσ

which can be followed in both directions: down from noise to a picture, and up from a picture to its noise. Both ways
have an error of the order of the step, so that the picture comes back the better the more steps are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor

from genbench_ddpm.prediction import Estimate
from genbench_ddpm.samplers import DDIMSampler, walk
from genbench_ddpm.schedules import NoiseProcess

Predict = Callable[[Tensor, int], Estimate]
"""Estimates x₀ and ε from x_t and t."""


def decode(predict: Predict, process: NoiseProcess, noise: Tensor, path: list[int]) -> Tensor:
    """From noise to pictures by DDIM with η = 0.

    Args:
        predict: unclipped estimates.
        process: gives ᾱ.
        noise: x_t [N, C, H, W] for t = path[0].
        path: falling timesteps, -1 (the clean picture) the last.
    """
    *_, pictures = walk(predict, DDIMSampler(process), noise, path, _no_noise)
    return pictures


def encode(predict: Predict, process: NoiseProcess, pictures: Tensor, path: list[int]) -> Tensor:
    """From pictures to the noises that `decode` would make them of: the same path, upwards.

    The step from s up to t uses ε̂(x_s, s), where the way down uses ε̂(x_t, t); on the first step, from the clean
    picture, the network is asked as if at timestep 0.

    Args:
        predict: unclipped estimates.
        process: gives ᾱ.
        pictures: [N, C, H, W].
        path: as for `decode`: falling, -1 the last.

    Returns:
        x_t [N, C, H, W] for t = path[0].
    """
    sampler, x = DDIMSampler(process), pictures
    for s, t in pairwise(reversed(path)):
        estimate = predict(x, s) if s >= 0 else Estimate(x, predict(x, 0).noise)
        x = sampler.step(x, estimate, s, t, _no_noise)
    return x


def slerp(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """Spherical interpolation, sin((1-w)θ)/sin θ·a + sin(wθ)/sin θ·b with θ the angle between a and b.

    Between two independent Gaussian noises, which are nearly orthogonal and of equal length, every point on the way
    has that length, and so looks like Gaussian noise to the network (Song et al., 2021, appendix D.5).

    Args:
        first, second: of equal shape, each one point.
        weight: w, 0 gives ``first`` and 1 ``second``.
    """
    a, b = first.double(), second.double()
    cosine = (a * b).sum() / (a.norm() * b.norm()).clamp_min(torch.finfo(a.dtype).tiny)
    angle = cosine.clamp(-1, 1).arccos()
    if angle.sin() < 1e-6:  # parallel, where the arc is the line
        return lerp(first, second, weight)
    mixed = (((1 - weight) * angle).sin() * a + (weight * angle).sin() * b) / angle.sin()
    return cast(Tensor, mixed.to(first.dtype))


def lerp(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """Linear interpolation, (1-w)·a + w·b. Half way between two noises, the length is 1/√2 of theirs."""
    return torch.lerp(first, second, weight)


def _no_noise() -> Tensor:
    raise AssertionError("η = 0 draws no noise")
