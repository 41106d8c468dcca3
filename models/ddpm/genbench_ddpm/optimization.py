"""Optimisers by name, and the learning rate as a function of training progress."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn

OptimizerName = Literal["adam", "adamw"]
Decay = Literal["constant", "linear", "cosine"]


def make_optimizer(
    name: OptimizerName, parameters: Iterable[nn.Parameter], *, learning_rate: float, beta2: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Adam (weight decay in the gradient) or AdamW (decoupled), in their fused form."""
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(parameters, lr=learning_rate, betas=(0.9, beta2), weight_decay=weight_decay, fused=True)


def learning_rate_factor(progress: float, *, warmup: float, decay: Decay) -> float:
    """The share of the peak learning rate at a progress in [0, 1).

    Rises linearly during the first ``warmup`` of the budget, then stays, or falls to zero linearly or as half a cosine.
    """
    if progress < warmup:
        return progress / warmup
    after = (progress - warmup) / (1 - warmup)
    if decay == "constant":
        return 1.0
    if decay == "linear":
        return 1.0 - after
    return 0.5 * (1 + math.cos(math.pi * after))
