"""A U-Net whose levels are scaled by the condition and shifted by the time, as course reports use it."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALVINGS = 3
FACTOR = 2**HALVINGS
"""The resolution must be a multiple of this."""


class ContextUNet(nn.Module):
    """Three halvings down to one vector a picture, and back up over the features kept on the way.

    Before each of the three ways up, the features h become condition·h + time, where condition and time are vectors
    that small networks make from the K conditions and from t/T.

    Args:
        channels: of the picture.
        conditions: K.
        resolution: of the picture in pixels, a multiple of 8.
        width: channels of the finest grid, a multiple of 8.
    """

    def __init__(self, channels: int, conditions: int, resolution: int, *, width: int = 256) -> None:
        super().__init__()
        f, coarsest = width, resolution // FACTOR
        self.enter = ResidualConvolutions(channels, f)
        self.down = nn.ModuleList([Down(f, f), Down(f, 2 * f), Down(2 * f, 4 * f)])
        self.to_vector = nn.Sequential(nn.AvgPool2d(coarsest), nn.Tanh())
        self.from_vector = nn.Sequential(
            nn.ConvTranspose2d(4 * f, 4 * f, coarsest, coarsest), nn.GroupNorm(8, 4 * f), nn.ReLU()
        )
        self.up = nn.ModuleList([Up(8 * f, 2 * f), Up(4 * f, f), Up(2 * f, f)])
        levels = (4 * f, 2 * f, f)
        self.embed_time = nn.ModuleList([_mlp(1, level) for level in levels])
        self.embed_conditions = nn.ModuleList([_mlp(conditions, level) for level in levels])
        self.leave = nn.Sequential(
            nn.Conv2d(2 * f, f, 3, padding=1), nn.GroupNorm(8, f), nn.ReLU(), nn.Conv2d(f, channels, 3, padding=1)
        )

    def forward(self, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
        """x [N, C, H, W], time [N] in [0, 1], conditions [N, K] → [N, C, H, W]."""
        first = self.enter(x.contiguous(memory_format=torch.channels_last))
        h, skips = first, []
        for down in self.down:
            h = down(h)
            skips.append(h)
        h = self.from_vector(self.to_vector(h))
        for up, embed_time, embed_conditions in zip(self.up, self.embed_time, self.embed_conditions, strict=True):
            scale, shift = embed_conditions(conditions), embed_time(time[:, None].float())
            h = scale[:, :, None, None] * h + shift[:, :, None, None]
            h = up(torch.cat([h, skips.pop()], dim=1))
        return cast(Tensor, self.leave(torch.cat([h, first], dim=1)))


class ResidualConvolutions(nn.Module):
    """Two [3×3 convolution, batch norm, tanh]; their outputs' sum is divided by √2 to keep its variance."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs)
        self.second = _convolution(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, H, W]."""
        h = self.first(x)
        return cast(Tensor, (h + self.second(h)) / math.sqrt(2))


class Down(nn.Module):
    """A residual block, then the largest of every 2×2 pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = ResidualConvolutions(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, H/2, W/2]."""
        return F.max_pool2d(self.block(x), 2)


class Up(nn.Module):
    """A transposed convolution that doubles the grid, then two residual blocks."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 2, 2),
            ResidualConvolutions(outputs, outputs),
            ResidualConvolutions(outputs, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, 2H, 2W]."""
        return cast(Tensor, self.layers(x))


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.Tanh())


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, outputs), nn.Tanh(), nn.Linear(outputs, outputs), nn.Tanh(), nn.Linear(outputs, outputs)
    )
