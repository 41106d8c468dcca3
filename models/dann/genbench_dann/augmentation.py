"""Pictures moved and scaled at random, anew at every step."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["random_shift", "random_zoom"]


def random_shift(images: Tensor, most: int) -> Tensor:
    """Move each picture [N, C, H, W] by up to ``most`` pixels along each axis, repeating its border."""
    n, _, height, width = images.shape
    padded = F.pad(images, (most,) * 4, mode="replicate")
    dy, dx = torch.randint(2 * most + 1, (2, n, 1), device=images.device)
    rows = dy + torch.arange(height, device=images.device)
    columns = dx + torch.arange(width, device=images.device)
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_zoom(images: Tensor, most: float) -> Tensor:
    """Enlarge or reduce each picture [N, C, H, W] about its centre, bilinearly, repeating its border.

    Factors are e^u with u uniform in [-log(1 + most), log(1 + most)].
    """
    n = len(images)
    factors = ((2 * torch.rand(n, device=images.device) - 1) * math.log1p(most)).exp()
    places = torch.zeros(n, 2, 3, device=images.device)
    places[:, 0, 0] = places[:, 1, 1] = 1 / factors
    grid = F.affine_grid(places, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
