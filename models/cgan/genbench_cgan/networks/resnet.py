"""The residual pair of spectrally normalised GANs (Miyato et al. 2018; Miyato & Koyama 2018).

Generator: residual blocks with conditional batch normalisation, doubling the side; discriminator: residual blocks with
spectral normalisation, halving it. Feature maps of side s have ``width·min(S/s, 8)`` channels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from genbench_cgan.networks.layers import (
    Conditioning,
    ConditionPlanes,
    DiscriminatorHead,
    Labels,
    LabelValues,
    grid,
)

__all__ = ["ConditionalBatchNorm", "ResNetDiscriminator", "ResNetGenerator"]


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose scale 1 + γ(s) and shift β(s) are linear in a style s (de Vries et al. 2017)."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(channels, affine=False)
        self.modulate = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[N, C, H, W] and [N, style] to [N, C, H, W]."""
        scale, shift = self.modulate(style)[:, :, None, None].chunk(2, dim=1)
        normal: Tensor = self.normalise(x)
        return torch.addcmul(shift, normal, 1 + scale)


class _UpBlock(nn.Module):
    """Twice: conditional norm, ReLU, 3×3 convolution, the side doubled before the first; plus a 1×1 shortcut."""

    def __init__(self, inner: int, outer: int, style: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ConditionalBatchNorm(inner, style), ConditionalBatchNorm(outer, style)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.shortcut = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.norm1(x, style)), scale_factor=2.0)
        h = self.conv2(F.relu(self.norm2(self.conv1(h), style)))
        return torch.add(h, F.interpolate(self.shortcut(x), scale_factor=2.0))


class ResNetGenerator(nn.Module):
    """Noise [N, Z] and conditions [N, K] to pictures [N, C, S, S] in (-1, 1).

    The style that modulates every block is the condition's embedding beside the noise (as in Brock et al. 2019).
    """

    def __init__(
        self,
        *,
        resolution: int,
        channels: int,
        conditions: int,
        noise: int,
        embedding: int,
        width: int,
        label_values: LabelValues,
    ) -> None:
        super().__init__()
        self.embed = nn.Sequential(Labels(conditions, label_values), nn.Linear(conditions, embedding))
        side, doublings = grid(resolution)
        widths = [width * min(2**level, 8) for level in reversed(range(doublings + 1))]
        style = noise + embedding
        self.start = nn.Linear(style, widths[0] * side**2)
        self.start_shape = (widths[0], side, side)
        self.blocks = nn.ModuleList(_UpBlock(inner, outer, style) for inner, outer in pairwise(widths))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.output = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.apply(_initialise)

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """[N, Z] and [N, K] to [N, C, S, S]."""
        style = torch.cat([noise, self.embed(conditions)], dim=1)
        x = self.start(style).unflatten(1, self.start_shape).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, style)
        images: Tensor = self.output(F.relu(self.norm(x))).float().tanh()
        return images


class _DownBlock(nn.Module):
    """Twice: ReLU, 3×3 convolution, then the side halved if ``down``; plus a 1×1 shortcut."""

    def __init__(self, outer: int, inner: int, *, down: bool, first: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(outer, inner, 3, padding=1)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1)
        self.shortcut = nn.Conv2d(outer, inner, 1) if down else nn.Identity()
        self.down, self.first = down, first

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = x if self.first else F.relu(x)
        h = self.conv2(F.relu(self.conv1(h)))
        if not self.down:
            return h + x
        # A 1×1 convolution and pooling commute; pooling first is a quarter of the work.
        shortcut: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return F.avg_pool2d(h, 2) + shortcut


class ResNetDiscriminator(nn.Module):
    """Pictures [N, C, S, S] and conditions [N, K] to a `Verdict`'s fields; every layer is spectrally normalised."""

    def __init__(
        self,
        *,
        resolution: int,
        channels: int,
        conditions: int,
        width: int,
        conditioning: Conditioning,
        planes: int,
        label_values: LabelValues,
        classes: int = 0,
    ) -> None:
        super().__init__()
        concat = conditioning == "concat"
        self.planes = ConditionPlanes(conditions, resolution, planes, label_values) if concat else None
        _, halvings = grid(resolution)
        widths = [width * min(2**level, 8) for level in range(1, halvings + 1)]
        pairs = zip([channels + planes * concat, *widths], widths, strict=False)
        self.body = nn.Sequential(
            *(_DownBlock(outer, inner, down=True, first=level == 0) for level, (outer, inner) in enumerate(pairs)),
            _DownBlock(widths[-1], widths[-1], down=False),
        )
        self.output = nn.Linear(widths[-1], 1)
        self.head = DiscriminatorHead(widths[-1], conditions, projection=conditioning == "projection", classes=classes)
        self.apply(_initialise)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                spectral_norm(module)

    def forward(self, images: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor | None]:
        """[N, C, S, S] and [N, K] to logits [N] and the auxiliary head's [N, M]."""
        x = images if self.planes is None else self.planes(images, conditions)
        features = F.relu(self.body(x)).sum(dim=(2, 3))
        verdict: tuple[Tensor, Tensor | None] = self.head(self.output(features).squeeze(1), features, conditions)
        return verdict


def _initialise(module: nn.Module) -> None:
    """Orthogonal weights (Brock et al. 2019) and zero biases, but modulation that starts near the identity."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, ConditionalBatchNorm):  # visited after its own linear layer
        nn.init.normal_(module.modulate.weight, 0.0, 0.02)
