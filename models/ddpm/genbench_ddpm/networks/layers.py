"""Parts of the denoising networks. Feature maps are [N, C, H, W], embeddings [N, E]."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench_ddpm.networks.norm import group_norm

LARGEST_SCORES = 2**27
"""Bytes of scores that one layer keeps for its backward pass at most."""
FEW_TOKENS = 256
"""Keys up to which attention written out is as quick as torch's kernel where nothing is kept."""


def scaled(layer: nn.Module, factor: float) -> nn.Module:
    """The layer with its fresh weights scaled and its bias zeroed."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.mul_(0 if name.endswith("bias") else factor)
    return layer


def sinusoidal_embedding(time: Tensor, width: int, *, fastest: float = 1000.0, periods: float = 10000.0) -> Tensor:
    """Cosines and sines of the time at geometrically falling frequencies (Vaswani et al., 2017, section 3.5).

    Args:
        time: [N] in [0, 1].
        width: even number of features.
        fastest: angular frequency of the first pair; the last is slower by ``periods``.

    Returns:
        [N, width] float32.
    """
    half = width // 2
    exponents = torch.arange(half, device=time.device, dtype=torch.float32) / half
    angles = time.float()[:, None] * (fastest * periods**-exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def entered(norm: nn.Module, h: Tensor, entry: Tensor, *, adaptive: bool) -> Tensor:
    """Features [N, C, H, W] normed, with an embedding's ``entry`` in them.

    Adaptive: [N, 2C, 1, 1], which scales and shifts what was normed (adaptive group norm, Dhariwal & Nichol, 2021);
    else [N, C, 1, 1], which is added before (Ho et al., 2020).
    """
    if not adaptive:
        return cast(Tensor, norm(h + entry))
    scale, shift = entry.chunk(2, dim=1)
    return torch.addcmul(shift, norm(h), 1 + scale)


class ResidualBlock(nn.Module):
    """Two normalised 3×3 convolutions around a short cut; the embedding enters between them.

    Args:
        inputs, outputs: channels.
        embedding: width of the embedding.
        adaptive: how the embedding enters at the second norm, as `entered` says.
        dropout: probability of dropping a feature before the second convolution.
    """

    def __init__(self, inputs: int, outputs: int, embedding: int, *, adaptive: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.adaptive = adaptive
        self.norm1 = group_norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.project = nn.Linear(embedding, outputs * (2 if adaptive else 1))
        self.norm2 = group_norm(outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = scaled(nn.Conv2d(outputs, outputs, 3, padding=1), 0.1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, H, W]."""
        h = self.conv1(F.silu(self.norm1(x)))
        entry = self.project(embedding)[:, :, None, None].to(h.dtype)
        h = entered(self.norm2, h, entry, adaptive=self.adaptive)
        return cast(Tensor, self.shortcut(x) + self.conv2(self.dropout(F.silu(h))))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q·kᵀ/√D)·v over the keys that the mask allows (Vaswani et al., 2017, eq. 1).

    Written out on a CPU in half precision as far as it pays: to train, torch's fused kernel takes there several times
    as long for few tokens, and still longer for a thousand; but it keeps no scores.

    Args:
        q: [N, heads, L, D].
        k, v: [N, heads, S, D].
        mask: True where a key may be seen, broadcast to [N, heads, L, S].
    """
    size = q.shape[:-1].numel() * k.shape[-2] * q.element_size()
    pays = q.element_size() == 2 and size <= LARGEST_SCORES and (torch.is_grad_enabled() or k.shape[-2] <= FEW_TOKENS)
    if q.device.type != "cpu" or not pays:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    with torch.autocast("cpu", enabled=False):  # the softmax adds up in float32 anyway, and need not keep it
        scores = q @ (k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return scores.softmax(-1) @ v


class SelfAttention(nn.Module):
    """Every position looks at every other: multi-head attention with a short cut.

    Args:
        channels: of the feature map; a multiple of ``head``.
        head: channels of one head.
    """

    def __init__(self, channels: int, *, head: int = 32) -> None:
        super().__init__()
        self.heads = channels // head
        self.norm = group_norm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = scaled(nn.Linear(channels, channels), 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → the same."""
        n, c, height, width = x.shape
        tokens = self.norm(x).permute(0, 2, 3, 1).reshape(n, height * width, c)
        q, k, v = self.qkv(tokens).view(n, -1, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = attend(q, k, v).transpose(1, 2).reshape(n, height * width, c)
        return x + cast(Tensor, self.out(mixed)).view(n, height, width, c).permute(0, 3, 1, 2)


class CrossAttention(nn.Module):
    """Every position looks at the conditions that are present, and at one token that stands for none.

    Args:
        channels: of the feature map; a multiple of ``head``.
        conditions: K.
        head: channels of one head.
    """

    def __init__(self, channels: int, conditions: int, *, head: int = 32) -> None:
        super().__init__()
        self.heads = channels // head
        self.tokens = nn.Parameter(torch.randn(conditions + 1, channels))
        self.norm = group_norm(channels)
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.out = scaled(nn.Linear(channels, channels), 0.1)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """x [N, C, H, W] and conditions [N, K] in {0, 1} → [N, C, H, W]."""
        n, c, height, width = x.shape
        split = (self.heads, c // self.heads)
        q = self.q(self.norm(x).permute(0, 2, 3, 1).reshape(n, height * width, c)).view(n, -1, *split).transpose(1, 2)
        k, v = self.kv(self.tokens).view(-1, 2, *split).permute(1, 2, 0, 3)
        present = F.pad(conditions, (0, 1), value=1.0)[:, None, None, :] > 0
        k, v = (token.expand(n, -1, -1, -1) for token in (k, v))
        mixed = attend(q, k, v, present).transpose(1, 2).reshape(n, -1, c)
        return x + cast(Tensor, self.out(mixed)).view(n, height, width, c).permute(0, 3, 1, 2)
