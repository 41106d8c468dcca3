"""Parts that both network pairs share: how the condition enters, and what a discriminator says."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["LEAK", "ConditionPlanes", "Conditioning", "DiscriminatorHead", "Labels", "Verdict", "grid"]

LEAK = 0.2
"""Slope of the leaky ReLUs for negative input (Radford et al. 2016)."""

Conditioning = Literal["concat", "projection", "none"]
"""How a discriminator learns the condition: as further image planes, by projection, or not at all."""

LabelValues = Literal["binary", "index"]


def grid(resolution: int) -> tuple[int, int]:
    """The side of the smallest feature map and how often it doubles to reach ``resolution``: 28 = 7·2², 64 = 4·2⁴."""
    side, doublings = resolution, 0
    while side % 2 == 0 and side > 4:
        side, doublings = side // 2, doublings + 1
    return side, doublings


class Labels(nn.Module):
    """Writes a condition's ones as 1 (``binary``) or as index + 1 (``index``); zeros stay zeros."""

    values: Tensor

    def __init__(self, conditions: int, values: LabelValues) -> None:
        super().__init__()
        ones = torch.ones(conditions)
        self.register_buffer("values", ones if values == "binary" else ones.cumsum(0), persistent=False)

    def forward(self, conditions: Tensor) -> Tensor:
        """[N, K] in {0, 1} to [N, K]."""
        return conditions * self.values


class ConditionPlanes(nn.Module):
    """Concatenates the condition to the picture as planes, Linear(K, planes·S²) + LeakyReLU (Mirza & Osindero 2014)."""

    def __init__(self, conditions: int, resolution: int, planes: int, values: LabelValues) -> None:
        super().__init__()
        self.shape = (planes, resolution, resolution)
        self.embed = nn.Sequential(
            Labels(conditions, values), nn.Linear(conditions, planes * resolution**2), nn.LeakyReLU(LEAK)
        )

    def forward(self, images: Tensor, conditions: Tensor) -> Tensor:
        """[N, C, S, S] and [N, K] to [N, C + planes, S, S]."""
        planes = self.embed(conditions).unflatten(1, self.shape)
        return torch.cat([images, planes.to(images.dtype)], dim=1)


class Verdict(NamedTuple):
    """What a discriminator says of N pictures. Networks return the fields as a plain tuple, which wrappers understand.

    Attributes:
        logits: [N], positive for "real".
        classes: [N, M] of the auxiliary head, or None when there is none.
    """

    logits: Tensor
    classes: Tensor | None


class DiscriminatorHead(nn.Module):
    """From an unconditional logit and pooled features φ to the verdict.

    With projection, the logit gains ⟨V c, φ⟩ (Miyato & Koyama 2018, eq. 4, for multi-hot c the sum over its ones); with
    ``classes`` outputs there is a linear auxiliary head on φ (Odena et al. 2017).
    """

    def __init__(self, features: int, conditions: int, *, projection: bool, classes: int) -> None:
        super().__init__()
        self.project = nn.Linear(conditions, features, bias=False) if projection else None
        self.classify = nn.Linear(features, classes) if classes else None

    def forward(self, logits: Tensor, features: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor | None]:
        """[N], [N, F] and [N, K] to the verdict's fields."""
        if self.project is not None:
            logits = logits + (self.project(conditions) * features).sum(dim=1)
        return logits, None if self.classify is None else self.classify(features)
