"""The DCGAN pair of recipe D2 (Radford et al. 2016, conditioned by Mirza & Osindero's concatenation).

At 64×64 with 64 base channels the generator has five transposed convolutions, 1024 → 512 → 256 → 128 → 64 → C, and the
discriminator five strided convolutions, C + 1 → 64 → 128 → 256 → 512 → 1. Smaller pictures have fewer of them; at 28×28
the smallest feature map is 7×7.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbench_cgan.networks.layers import (
    LEAK,
    Conditioning,
    ConditionPlanes,
    DiscriminatorHead,
    Labels,
    LabelValues,
    grid,
)

__all__ = ["DCGANDiscriminator", "DCGANGenerator"]


class DCGANGenerator(nn.Module):
    """Noise [N, Z] and conditions [N, K] to pictures [N, C, S, S] in (-1, 1)."""

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
        self.embed = nn.Sequential(
            Labels(conditions, label_values), nn.Linear(conditions, embedding), nn.LeakyReLU(LEAK)
        )
        side, doublings = grid(resolution)
        widths = [width * 2**level for level in reversed(range(doublings))]
        layers: list[nn.Module] = [nn.ConvTranspose2d(noise + embedding, widths[0], side, bias=False)]
        for inner, outer in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(inner), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False)]
        self.body = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """[N, Z] and [N, K] to [N, C, S, S]."""
        start = torch.cat([self.embed(conditions), noise], dim=1)
        images: Tensor = self.body(start[:, :, None, None]).float().tanh()
        return images


class DCGANDiscriminator(nn.Module):
    """Pictures [N, C, S, S] and conditions [N, K] to the fields of a `Verdict` (the sigmoid is part of the loss)."""

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
        side, halvings = grid(resolution)
        widths = [width * 2**level for level in range(halvings)]
        layers: list[nn.Module] = []
        for level, (outer, inner) in enumerate(zip([channels + planes * concat, *widths], widths, strict=False)):
            layers += [nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(inner)] if level else []
            layers += [nn.LeakyReLU(LEAK, inplace=True)]
        self.body = nn.Sequential(*layers)
        self.output = nn.Conv2d(widths[-1], 1, side, bias=False)
        self.head = DiscriminatorHead(widths[-1], conditions, projection=conditioning == "projection", classes=classes)
        self.apply(_initialise)

    def forward(self, images: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor | None]:
        """[N, C, S, S] and [N, K] to logits [N] and the auxiliary head's [N, M]."""
        x = images if self.planes is None else self.planes(images, conditions)
        features = self.body(x)
        logits, pooled = self.output(features).flatten(), features.mean(dim=(2, 3))
        verdict: tuple[Tensor, Tensor | None] = self.head(logits, pooled, conditions)
        return verdict


def _initialise(module: nn.Module) -> None:
    """Convolutions from N(0, 0.02²), normalisation scales from N(1, 0.02²) (Radford et al. 2016, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
