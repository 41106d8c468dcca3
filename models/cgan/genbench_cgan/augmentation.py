"""Differentiable augmentation (Zhao et al. 2020): the discriminator sees real and generated pictures changed alike.

Each function takes pictures [N, C, H, W] in [-1, 1] and returns changed ones, drawing from torch's global generator.
Gradients pass through, so the generator is not taught to draw the changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["AUGMENTATIONS", "Augmentation", "augment"]

Augmentation = Literal["translation", "cutout", "brightness", "saturation", "contrast", "noise"]


def translation(x: Tensor, share: float = 0.125) -> Tensor:
    """Shift each picture by up to ``share`` of its side, whole pixels; what comes in repeats the edge.

    (Zhao et al. fill with zeros, mid-grey here, a frame that no picture with a plain background has.)
    """
    n, _, height, width = x.shape
    reach = max(1, round(share * height))
    padded = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    shift = torch.randint(0, 2 * reach + 1, (2, n), device=x.device)
    rows = (torch.arange(height, device=x.device) + shift[0, :, None])[:, :, None]
    columns = (torch.arange(width, device=x.device) + shift[1, :, None])[:, None, :]
    picture = torch.arange(n, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[picture, rows, columns].permute(0, 3, 1, 2)


def cutout(x: Tensor, share: float = 0.5) -> Tensor:
    """Set a square of ``share`` of the side, anywhere on the picture, to mid-grey."""
    n, _, height, width = x.shape
    half = max(1, round(share * height) // 2)
    centre = torch.rand(2, n, 1, device=x.device)
    rows = (torch.arange(height, device=x.device) - (centre[0] * height).floor()).abs() <= half
    columns = (torch.arange(width, device=x.device) - (centre[1] * width).floor()).abs() <= half
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def brightness(x: Tensor) -> Tensor:
    """Add one number in [-0.5, 0.5] to each picture."""
    return x + (torch.rand(len(x), 1, 1, 1, device=x.device) - 0.5)


def saturation(x: Tensor) -> Tensor:
    """Stretch each picture's distance from grey by a factor in [0, 2]."""
    grey = x.mean(dim=1, keepdim=True)
    return grey + (x - grey) * (2 * torch.rand(len(x), 1, 1, 1, device=x.device))


def contrast(x: Tensor) -> Tensor:
    """Stretch each picture's distance from its mean by a factor in [0.5, 1.5]."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * (0.5 + torch.rand(len(x), 1, 1, 1, device=x.device))


def noise(x: Tensor, deviation: float = 0.1) -> Tensor:
    """Add Gaussian noise to every pixel (instance noise, Sønderby et al. 2017)."""
    return x + deviation * torch.randn_like(x)


AUGMENTATIONS: dict[Augmentation, Callable[[Tensor], Tensor]] = {
    "translation": translation,
    "cutout": cutout,
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "noise": noise,
}


def augment(x: Tensor, names: Iterable[Augmentation]) -> Tensor:
    """Apply the named changes in turn."""
    for name in names:
        x = AUGMENTATIONS[name](x)
    return x
