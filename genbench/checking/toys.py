"""A toy problem that every family should make headway on within seconds, and its closed-form classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbench.api import DataInfo
from genbench.data import Batches, PairBatches, to_uint8
from genbench.data.base import Split
from genbench.hashing import derive_seed

OBJECTS = ("upper left", "upper right", "lower left", "lower right")
DARK, LIGHT = -0.8, 0.8
NOISE = 0.05
STRIPES = 1.0
"""How far, at most, stripes of the target lie above and below its own brightness."""
SIZE = 256


class ToySet:
    """Pictures on which object k lights up the k-th quadrant, plus a little noise.

    Args:
        resolution, channels: of the pictures.
        exclusive: True for exactly one lit quadrant a picture, False for any set of them.
        adaptation: True describes the data as a source and a target; the target is paler, noisier and striped, more or
            less so from picture to picture. (Standardised pictures and domains hide paleness.)
    """

    def __init__(
        self, resolution: int = 16, channels: int = 1, *, exclusive: bool = True, adaptation: bool = False
    ) -> None:
        name = "toy:pale-toy" if adaptation else "toy"
        self.info = DataInfo(name, resolution, channels, OBJECTS, exclusive, train_size=SIZE)
        generator = torch.Generator().manual_seed(derive_seed("toy set"))
        self._masks = quadrants(resolution)
        if exclusive:
            self.conditions = torch.eye(len(OBJECTS)).repeat(SIZE // len(OBJECTS), 1)
        else:
            self.conditions = torch.randint(2, (SIZE, len(OBJECTS)), generator=generator).float()
        self.images = self._with_noise(self.clean(self.conditions), NOISE, generator)
        pale = 0.5 * self.clean(self.conditions) + 0.3
        strength = STRIPES * torch.rand(SIZE, 1, 1, 1, generator=generator)
        self.target_images = self._with_noise(pale + strength * stripes(resolution), 2 * NOISE, generator)

    def clean(self, conditions: Tensor) -> Tensor:
        """The pictures of ``conditions`` [N, K] without noise, [N, C, H, W] in [-1, 1]."""
        lit = torch.einsum("nk,khw->nhw", conditions, self._masks)
        return (DARK + (LIGHT - DARK) * lit)[:, None].repeat(1, self.info.channels, 1, 1)

    def batches(self, batch_size: int, seed: int) -> Batches:
        """Training batches for generation."""
        images, conditions = to_uint8(self.images).numpy(), self.conditions.to(torch.uint8).numpy()
        return Batches(images, conditions, batch_size, seed, "cpu")

    def pairs(self, batch_size: int, seed: int) -> PairBatches:
        """Training batches for adaptation."""
        source = Split(to_uint8(self.images).numpy(), self.conditions.to(torch.uint8).numpy())
        return PairBatches(source, to_uint8(self.target_images).numpy(), batch_size, seed, "cpu")

    @staticmethod
    def _with_noise(clean: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
        return clean + deviation * torch.randn(clean.shape, generator=generator)


class ToyGuide(nn.Module):
    """The toy set's classifier: the logit of object k is the mean brightness of its quadrant, times a sharpness."""

    SHARPNESS = 8.0

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.masks: Tensor
        masks = quadrants(resolution)
        self.register_buffer("masks", masks / masks.sum(dim=(1, 2), keepdim=True))

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W]; differentiable."""
        return self.SHARPNESS * torch.einsum("nhw,khw->nk", images.mean(dim=1), self.masks)


def stripes(resolution: int) -> Tensor:
    """Columns [H, W] in {-1, 1}, two pixels wide each."""
    columns = torch.arange(resolution) // 2 % 2
    return (2.0 * columns - 1.0).repeat(resolution, 1)


def quadrants(resolution: int) -> Tensor:
    """Masks [4, H, W] of the four quadrants, in {0, 1}."""
    half = resolution // 2
    masks = torch.zeros(len(OBJECTS), resolution, resolution)
    masks[0, :half, :half] = masks[1, :half, half:] = masks[2, half:, :half] = masks[3, half:, half:] = 1.0
    return masks
