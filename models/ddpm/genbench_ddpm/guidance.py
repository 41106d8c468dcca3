"""Two ways to make pictures follow their condition: classifier-free (Ho & Salimans, 2022), and by a classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench_ddpm.prediction import Estimate

LEAST_SIGNAL = 0.02
"""Below this √ᾱ_t, x_t says next to nothing about x₀, and errors of the network's derivative are blown up by 1/√ᾱ_t:
there the classifier is not asked."""


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


def classifier_guided(
    denoise: Callable[[Tensor], Estimate],
    x: Tensor,
    a: float,
    s: float,
    *,
    log_likelihood: Callable[[Tensor], Tensor],
    scale: float,
) -> Estimate:
    """ε̂ - scale·s·g with g = ∇_{x_t} log p(c | x̂₀(x_t)), and the x̂₀ that belongs to it, x̂₀ + scale·(s²/a)·g.

    This is guidance as in DDIM (Dhariwal & Nichol, 2021, algorithm 2), except that their classifier knows noisy
    pictures. Ours knows clean ones only and is asked about the estimate x̂₀ instead (Chung et al., 2023; Bansal et al.,
    2023). The gradient goes through the network: by Tweedie's formula ∂x̂₀/∂x_t = (a/s²)·Cov[x₀ | x_t], so x̂₀ moves by
    scale·Cov[x₀ | x_t]·∇_{x̂₀} log p, along what is still undecided about the picture. Holding ε̂ fixed instead would be
    cheaper, but move x̂₀ by scale·(s²/a²)·∇_{x̂₀} log p: every pixel alike, and without bound where noise is strong.

    Args:
        denoise: the estimate of x₀ and ε from x_t, by any other guidance.
        x: x_t [N, C, H, W].
        a, s: √ᾱ_t > 0 and √(1-ᾱ_t).
        log_likelihood: log p(c | x₀) [N] of clean pictures.
        scale: 1 is Bayes' rule for an unconditional network.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        clean, noise = denoise(x)
        (gradient,) = torch.autograd.grad(log_likelihood(clean).sum(), x)
    return Estimate(clean.detach() + scale * (s**2 / a) * gradient, noise.detach() - scale * s * gradient)


def log_likelihood(logits: Tensor, conditions: Tensor, *, exclusive: bool) -> Tensor:
    """log p(c | x) of a classifier: a softmax over classes, or one sigmoid an object; 0 where no condition is given.

    Args:
        logits: [N, K].
        conditions: [N, K] in {0, 1}.
        exclusive: True for class labels, False for sets of objects.

    Returns:
        [N].
    """
    if exclusive:
        return (logits.log_softmax(dim=1) * conditions).sum(dim=1)
    terms = -F.binary_cross_entropy_with_logits(logits, conditions, reduction="none")
    return terms.sum(dim=1) * conditions.any(dim=1)


def _plain(network: nn.Module, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
    output: Tensor = network(x, time, conditions)
    return output
