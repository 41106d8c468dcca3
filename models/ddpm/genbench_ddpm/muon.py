"""Muon (Jordan et al., 2024): momentum whose matrices are made orthogonal before they are applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c of the quintic that pulls singular values towards 1 (Jordan et al., 2024)."""
BURSTS = (2, 3)
"""Iterations of each burst; a burst begins with a fresh X·Xᵀ."""
WIDE = 4
"""How many times as wide as high a matrix must be for iterating on its Gram matrix to be quicker."""


def orthogonalized(matrices: Tensor) -> Tensor:
    """U·Vᵀ of singular value decompositions U·S·Vᵀ, nearly: singular values come to lie between about 0.7 and 1.2.

    Five Newton-Schulz iterations X ← P·X, P = a·I + b·A + c·A², A = X·Xᵀ, in bfloat16; they are enough for a condition
    number of some thousands.

    Args:
        matrices: [B, M, N].

    Returns:
        [B, M, N], of the matrices' type.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    wide = x.shape[2] >= WIDE * x.shape[1]
    for iterations in BURSTS:
        x = _by_gram_matrix(x, iterations) if wide else _directly(x, iterations)
    return (x.mT if tall else x).to(matrices.dtype)


def _directly(x: Tensor, iterations: int) -> Tensor:
    """Iterate on X [B, M, N]: 4·M²·N + 2·M³ operations each."""
    a, b, c = COEFFICIENTS
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _by_gram_matrix(x: Tensor, iterations: int) -> Tensor:
    """The same on A [B, M, M], which becomes P·A·P, with the product of all P applied to X at the end.

    4·M²·N operations a burst, and 8·M³ an iteration. Rounding of small eigenvalues of A grows with every iteration,
    which is why `BURSTS` are short: each begins with a fresh A.
    """
    a, b, c = COEFFICIENTS
    gram = x @ x.mT
    product = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).expand_as(gram)
    for iteration in range(iterations):
        p = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        product = torch.baddbmm(product, p, product, beta=a)
        if iteration + 1 < iterations:
            half = torch.baddbmm(gram, p, gram, beta=a)
            gram = torch.baddbmm(half, half, p, beta=a)
    return product @ x


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
            shapes: dict[tuple[int, ...], list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes.setdefault((len(parameter), parameter.numel() // len(parameter)), []).append(parameter)
            for alike in shapes.values():
                self._move(alike, group)

    def _move(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Move weights that are matrices of the same shape: many small products are quicker as one of a stack."""
        directions = torch.stack([self._momentum(parameter, group["momentum"]) for parameter in parameters])
        rate = -group["lr"] * 0.2 * math.sqrt(max(directions.shape[1:]))
        for parameter, update in zip(parameters, orthogonalized(directions), strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update.reshape(parameter.shape), alpha=rate)

    def _momentum(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov's form of the gradient's average, as a matrix."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average: Tensor = state["momentum_buffer"]
        average.lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum).flatten(1)
