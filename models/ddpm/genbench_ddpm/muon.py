"""Muon (Jordan et al., 2024): momentum whose matrices are made orthogonal before they are applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c of the quintic that pulls singular values towards 1 (Jordan et al., 2024)."""


def orthogonalized(matrix: Tensor, iterations: int = 5) -> Tensor:
    """U·Vᵀ of the singular value decomposition U·S·Vᵀ, nearly: singular values come to lie between about 0.7 and 1.2.

    Newton-Schulz iteration X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ, in bfloat16.

    Args:
        matrix: [M, N].
        iterations: five are enough for a condition number of some thousands.

    Returns:
        [M, N], of the matrix's type.
    """
    a, b, c = COEFFICIENTS
    wide = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide.bfloat16()
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if matrix.shape[0] > matrix.shape[1] else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Steepest descent in the spectral norm: every direction of a weight matrix moves by the same amount.

    A convolution's weights [O, I, h, w] are taken as the matrix [O, I·h·w]. The update of an M×N matrix is scaled by
    0.2·√max(M, N), which gives it the size of an AdamW update (Liu et al., 2025, section 2.2).

    Args:
        params: weights of two or more dimensions.
        lr: as for AdamW.
        momentum: of the gradient's average; Nesterov's form is used.
        weight_decay: decoupled, times the learning rate.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient. A closure is not supported."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)

    def _move(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average: Tensor = state["momentum_buffer"]
        average.lerp_(gradient, 1 - group["momentum"])
        matrix = gradient.lerp(average, group["momentum"]).flatten(1)
        update = orthogonalized(matrix).view(matrix.shape).reshape(parameter.shape)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))
