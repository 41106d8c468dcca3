"""Classifier-free guidance (Ho & Salimans, 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def drop_conditions(conditions: Tensor, probability: float) -> Tensor:
    """Blank whole rows of conditions [N, K] with the given probability, so that one network learns both models."""
    keep = torch.rand(len(conditions), 1, device=conditions.device) >= probability
    return conditions * keep


def guided(network: nn.Module, x: Tensor, time: Tensor, conditions: Tensor, scale: float) -> Tensor:
    """ε̂ = ε̂_uncond + scale·(ε̂_cond - ε̂_uncond), both from one doubled batch; likewise for v and x₀.

    ``scale`` is diffusers' ``guidance_scale``: 1 is the plain conditional model (and costs one evaluation, not two), 0
    the unconditional one. It is 1 + w in the paper's ε̂ = (1+w)·ε̂_cond - w·ε̂_uncond.

    Args:
        network: maps x [N, C, H, W], time [N] and conditions [N, K] to [N, C, H, W].
        x, time, conditions: its arguments.
        scale: the guidance scale.
    """
    if scale == 1:
        return _plain(network, x, time, conditions)
    blank = torch.zeros_like(conditions)
    both = _plain(network, torch.cat([x, x]), torch.cat([time, time]), torch.cat([conditions, blank]))
    conditional, unconditional = both.chunk(2)
    return torch.lerp(unconditional, conditional, scale)


def _plain(network: nn.Module, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
    output: Tensor = network(x, time, conditions)
    return output
