"""The family's own U-Net (Ronneberger et al., 2015; Ho et al., 2020; Dhariwal & Nichol, 2021), in five sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench_ddpm.networks.layers import (
    CrossAttention,
    ResidualBlock,
    SelfAttention,
    scaled,
    sinusoidal_embedding,
)
from genbench_ddpm.networks.norm import group_norm

UNetSize = Literal["xs", "xs+", "s", "m", "l"]
Conditioning = Literal["none", "add", "adagn", "concat", "cross-attention", "adagn+cross-attention"]

COARSEST = 8
"""Grids are halved until they are at most this wide; attention works on the coarsest."""

CONDITION_STD = 2.0
"""Spread of the fresh weights that embed conditions: smaller, the time drowns them and they are learned late."""


@dataclass(frozen=True)
class Shape:
    """``width`` channels on the finest grid, ``bottom`` on the coarsest, ``blocks`` residual blocks on each."""

    width: int
    bottom: int
    blocks: int


SHAPES: dict[UNetSize, Shape] = {
    "xs": Shape(64, 64, 1),
    "xs+": Shape(64, 128, 1),
    "s": Shape(64, 192, 1),
    "m": Shape(128, 256, 2),
    "l": Shape(192, 448, 2),
}


class UNet(nn.Module):
    """Predicts ε, v or x₀ from a noisy picture, the time and the conditions.

    The picture is cut into patches that become channels, so a patch of 2 quarters the work of every layer. The grid is
    halved until it is at most eight wide and then grows back, taking in what was there on the way down.

    Args:
        channels: of the picture.
        conditions: K.
        resolution: of the picture in pixels; the patch must divide it.
        size: one of ``xs, xs+, s, m, l``.
        patch: pixels on a side of a patch.
        conditioning: how conditions enter. ``adagn``: added to the time embedding, which scales and shifts norms.
            ``add``: added to the time embedding, which is added to the features. ``concat``: as K constant planes
            beside the picture. ``cross-attention``: as tokens that the coarsest grid looks at, once.
            ``adagn+cross-attention``: as ``adagn``, and as tokens, after every block of the coarsest grid.
            ``none``: not at all.
        dropout: inside residual blocks.
    """

    def __init__(
        self,
        channels: int,
        conditions: int,
        resolution: int,
        *,
        size: UNetSize = "s",
        patch: int = 1,
        conditioning: Conditioning = "adagn",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        shape = SHAPES[size]
        widths = level_widths(shape, resolution // patch)
        embedding = 4 * shape.width
        self.patch = patch
        self.conditioning = conditioning
        self.time_width = shape.width
        self.embed_time = nn.Linear(self.time_width, embedding)
        embedded = conditioning in ("add", "adagn", "adagn+cross-attention")
        self.embed_conditions = nn.Linear(conditions, embedding) if embedded else None
        if self.embed_conditions is not None:
            nn.init.normal_(self.embed_conditions.weight, std=CONDITION_STD)
        self.embed = nn.Linear(embedding, embedding)

        def block(inputs: int, outputs: int, level: int) -> nn.Module:
            plain = ResidualBlock(inputs, outputs, embedding, adaptive=conditioning != "add", dropout=dropout)
            looks = conditioning == "adagn+cross-attention" and level == len(widths) - 1
            return LookingBlock(plain, CrossAttention(outputs, conditions)) if looks else plain

        planes = conditions if conditioning == "concat" else 0
        self.enter = nn.Conv2d(channels * patch**2 + planes, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips = [widths[0]]
        width = widths[0]
        for level, target in enumerate(widths):
            for _ in range(shape.blocks):
                self.down.append(block(width, target, level))
                skips.append(width := target)
            if level < len(widths) - 1:
                self.down.append(Downsample(width))
                skips.append(width)
        bottom = len(widths) - 1
        self.middle = nn.ModuleList([block(width, width, bottom), SelfAttention(width), block(width, width, bottom)])
        if conditioning == "cross-attention":
            self.middle.insert(2, CrossAttention(width, conditions))
        for level, target in reversed(list(enumerate(widths))):
            for _ in range(shape.blocks + 1):
                self.up.append(block(width + skips.pop(), target, level))
                width = target
            if level > 0:
                self.up.append(Upsample(width, width := widths[level - 1]))
        self.norm = group_norm(width)
        self.leave = scaled(nn.Conv2d(width, channels * patch**2, 3, padding=1), 0.01)

    def forward(self, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
        """x [N, C, H, W], time [N] in [0, 1], conditions [N, K] → [N, C, H, W]."""
        embedding = self.embed_time(sinusoidal_embedding(time, self.time_width))
        if self.embed_conditions is not None:
            embedding = embedding + self.embed_conditions(conditions)
        embedding = F.silu(self.embed(F.silu(embedding)))

        h = F.pixel_unshuffle(x, self.patch)
        if self.conditioning == "concat":
            h = torch.cat([h, conditions[:, :, None, None].expand(-1, -1, *h.shape[2:]).to(h.dtype)], dim=1)
        h = self.enter(h.contiguous(memory_format=torch.channels_last))
        skips = [h]
        for layer in self.down:
            h = _through(layer, h, embedding, conditions)
            skips.append(h)
        for layer in self.middle:
            h = _through(layer, h, embedding, conditions)
        for layer in self.up:
            entering = h if isinstance(layer, Upsample) else torch.cat([h, skips.pop()], dim=1)
            h = _through(layer, entering, embedding, conditions)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(h))), self.patch)


def _through(layer: nn.Module, h: Tensor, embedding: Tensor, conditions: Tensor) -> Tensor:
    """What a layer makes of features, handing it what it asks for."""
    if isinstance(layer, LookingBlock):
        return cast(Tensor, layer(h, embedding, conditions))
    if isinstance(layer, ResidualBlock):
        return cast(Tensor, layer(h, embedding))
    if isinstance(layer, CrossAttention):
        return cast(Tensor, layer(h, conditions))
    return cast(Tensor, layer(h))


class LookingBlock(nn.Module):
    """A residual block after which every place looks at the conditions.

    A place that has begun to become a red object can ask which red object is wanted: embedded in one vector for the
    whole picture, colours and shapes of several objects mix.
    """

    def __init__(self, block: ResidualBlock, look: CrossAttention) -> None:
        super().__init__()
        self.block = block
        self.look = look

    def forward(self, x: Tensor, embedding: Tensor, conditions: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, H, W]."""
        return cast(Tensor, self.look(self.block(x, embedding), conditions))


class Downsample(nn.Module):
    """Halves the grid with a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, C, H/2, W/2]."""
        return cast(Tensor, self.conv(x))


class Upsample(nn.Module):
    """Doubles the grid: nearest neighbour, then a convolution to the finer grid's channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, 2H, 2W]."""
        return cast(Tensor, self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))


def level_widths(shape: Shape, grid: int) -> list[int]:
    """Channels on each grid, finest first: halving ends when the grid is at most 8 wide, or odd."""
    halvings = 0
    while grid > COARSEST and grid % 2 == 0:
        grid //= 2
        halvings += 1
    if halvings == 0:
        return [shape.bottom]
    middle = [(shape.width + shape.bottom) // 64 * 32] * (halvings - 1)
    return [shape.width, *middle, shape.bottom]
