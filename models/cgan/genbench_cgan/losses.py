"""Adversarial losses and the gradient penalty, as functions of the discriminator's logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["ADVERSARIAL", "Adversarial", "r1_penalty"]


@dataclass(frozen=True)
class Adversarial:
    """A pair of losses.

    Attributes:
        discriminator: from the logits of real and of generated pictures, [N] each, to a scalar.
        generator: from the logits of generated pictures, [N], to a scalar.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """-log σ(real) - log(1 - σ(fake)), with log σ(t) = -softplus(-t)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


ADVERSARIAL = {
    # Goodfellow et al. 2014, eq. 1, with the generator's objective of their section 3: -log σ(D(G(z))).
    "non-saturating": Adversarial(_cross_entropy, lambda fake: F.softplus(-fake).mean()),
    # The same with the minimax generator log(1 - σ(D(G(z)))), which saturates while the discriminator is sure.
    "minimax": Adversarial(_cross_entropy, lambda fake: -F.softplus(fake).mean()),
    # Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17.
    "hinge": Adversarial(_hinge, lambda fake: -fake.mean()),
}


def r1_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """E‖∇ₓD(x)‖² over real pictures (Mescheder et al. 2018, eq. 9, without the factor γ/2).

    Args:
        logits: [N], computed from ``images``.
        images: [N, C, H, W], requiring gradients.

    Returns:
        A scalar that can be differentiated by the discriminator's parameters.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
