"""Gradient reversal (Y. Ganin and V. Lempitsky, ICML 2015, section 3.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["reverse_gradient"]


class _GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # An ordinary operation on tensors, so that autograd differentiates it again correctly.
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """R_λ(x) = x, with dR_λ/dx = -λ·I: what descends behind it ascends, λ-fold, before it.

    Args:
        x: any shape.
        strength: λ ≥ 0; with 0 no gradient passes.

    Returns:
        ``x``, unchanged.
    """
    result: Tensor = _GradientReversal.apply(x, strength)
    return result
