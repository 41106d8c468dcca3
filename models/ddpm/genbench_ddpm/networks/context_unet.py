"""A U-Net whose levels are scaled by the condition and shifted by the time, as course reports use it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 4
"""The resolution must be a multiple of this."""


class ContextUNet(nn.Module):
    """Three halvings down to one vector a picture, and back up over the features kept on the way.

    Before each way up, the features h become condition·h + time, where condition and time are vectors that small
    networks make from the K conditions and from t/T. Resolutions that can be halved only twice, such as 28, have one
    level less.

    Args:
        channels: of the picture.
        conditions: K.
        resolution: of the picture in pixels, a multiple of `FACTOR`.
        width: channels of the finest grid, a multiple of 8.
    """

    def __init__(self, channels: int, conditions: int, resolution: int, *, width: int = 256) -> None:
        super().__init__()
        f, halvings = width, 3 if resolution % 8 == 0 else 2
        widths = (f, 2 * f, 4 * f)[:halvings]
        levels, coarsest, bottom = widths[::-1], resolution // 2**halvings, widths[-1]
        self.enter = ResidualConvolutions(channels, f)
        self.down = nn.ModuleList([Down(above, here) for above, here in pairwise((f, *widths))])
        self.to_vector = nn.Sequential(nn.AvgPool2d(coarsest), nn.Tanh())
        self.from_vector = nn.Sequential(
            nn.ConvTranspose2d(bottom, bottom, coarsest, coarsest), nn.GroupNorm(8, bottom), nn.ReLU()
        )
        self.up = nn.ModuleList([Up(2 * here, above) for here, above in pairwise((*levels, f))])
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
