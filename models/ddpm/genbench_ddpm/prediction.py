"""What the network predicts (ε, v or x₀), exact conversions between them, and how the loss weighs timesteps.

With a = √ᾱ_t and s = √(1-ᾱ_t), so that a² + s² = 1 and x_t = a·x₀ + s·ε, the velocity is v = a·ε - s·x₀ (Salimans & Ho,
2022, section 4). Any one of the three, together with x_t, gives the other two.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

PredictionType = Literal["epsilon", "v_prediction", "sample"]
LossWeighting = Literal["uniform", "min-snr"]


class Estimate(NamedTuple):
    """What a network says about x_t: the clean picture x₀ and the noise ε in it, both [N, C, H, W]."""

    clean: Tensor
    noise: Tensor


def add_noise(clean: Tensor, noise: Tensor, a: Tensor, s: Tensor) -> Tensor:
    """x_t = a·x₀ + s·ε."""
    return a * clean + s * noise


def target(kind: PredictionType, clean: Tensor, noise: Tensor, a: Tensor, s: Tensor) -> Tensor:
    """What a network of the given kind should say for x_t = a·x₀ + s·ε."""
    if kind == "epsilon":
        return noise
    if kind == "v_prediction":
        return a * noise - s * clean
    return clean


def estimate(kind: PredictionType, output: Tensor, x: Tensor, a: Tensor | float, s: Tensor | float) -> Estimate:
    """Read a network's output as an estimate of x₀ and ε, given x = x_t.

    Args:
        kind: what the output stands for.
        output, x: [N, C, H, W].
        a, s: √ᾱ_t and √(1-ᾱ_t); `a` must be positive for ε, `s` for x₀.
    """
    if kind == "epsilon":
        return Estimate((x - s * output) / a, output)
    if kind == "v_prediction":
        return Estimate(a * x - s * output, s * x + a * output)
    return Estimate(output, (x - a * output) / s)


def loss_weight(kind: PredictionType, weighting: LossWeighting, a: Tensor, s: Tensor, *, gamma: float) -> Tensor:
    """The weight of each picture's squared error, in the space of what is predicted.

    ``uniform`` is 1 everywhere. ``min-snr`` weighs the error of x₀ with min(SNR, γ), SNR = a²/s² (Hang et al., 2023);
    since ‖Δx₀‖² = ‖Δε‖²/SNR = ‖Δv‖²/(SNR + 1), that divides by SNR for ε and by SNR + 1 for v.

    Returns:
        The shape of `a`.
    """
    if weighting == "uniform":
        return torch.ones_like(a)
    snr = (a / s).square()
    if kind == "epsilon":
        return (gamma / snr).clamp(max=1)  # 1, not 0/0, where the signal is too weak for its number format
    capped = snr.clamp(max=gamma)
    if kind == "v_prediction":
        return capped / (snr + 1)
    return capped
