"""Optimisers by name, and the learning rate as a function of training progress."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from genbench_ddpm.muon import Muon

OptimizerName = Literal["adam", "adamw", "muon"]
Decay = Literal["constant", "linear", "cosine"]

EDGES = ("enter", "leave", "embed")
"""Layers that meet pixels, times or conditions: Muon leaves them to AdamW (Jordan et al., 2024).

Tokens of cross-attention, which only ever enter products with other hidden weights, stay with Muon.
"""


def make_optimizers(
    name: OptimizerName, network: nn.Module, *, learning_rate: float, beta2: float, weight_decay: float
) -> dict[str, torch.optim.Optimizer]:
    """Adam (weight decay in the gradient) or AdamW (decoupled), in their fused form; or Muon beside an AdamW.

    Muon takes the weights between hidden layers; norms, biases and the layers of `EDGES` stay with AdamW, at the same
    learning rate. Its updates are scaled to the size of AdamW's, so that one learning rate fits both.
    """
    adam = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    hidden, others = _divided(network) if name == "muon" else ([], list(network.parameters()))
    optimizers: dict[str, torch.optim.Optimizer] = {
        "unet": adam(others, lr=learning_rate, betas=(0.9, beta2), weight_decay=weight_decay, fused=True)
    }
    if hidden:
        optimizers["unet-hidden"] = Muon(hidden, lr=learning_rate, weight_decay=weight_decay)
    return optimizers


def _divided(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weights between hidden layers, and all others."""
    hidden: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        inner = parameter.ndim >= 2 and not name.startswith(EDGES)
        (hidden if inner else others).append(parameter)
    return hidden, others


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
