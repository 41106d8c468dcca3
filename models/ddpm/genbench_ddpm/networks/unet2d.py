"""Diffusers' ``UNet2DModel`` as a denoising network; its checkpoints open in diffusers' own pipelines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn import functional as F

from genbench_ddpm.networks.layers import attend, entered
from genbench_ddpm.networks.norm import GroupNorm

UNet2DConditioning = Literal["none", "add", "adagn", "concat"]

HEAD = 8
"""Channels of an attention head, diffusers' default; every width must be a multiple of it."""
LARGEST = 2**31
"""Numbers from which on torch's channels-last kernel for nearest neighbours fails (its issue 141831)."""


class ResidualBlock(ResnetBlock2D):
    """Diffusers' block as `UNet2D` uses it; features stay channels-last in training, too."""

    def forward(self, input_tensor: Tensor, temb: Tensor) -> Tensor:
        """[N, C, H, W] and the time embedding [N, E] → [N, C', H, W]."""
        h = self.conv1(F.silu(self.norm1(input_tensor)))
        entry = self.time_emb_proj(F.silu(temb))[:, :, None, None]
        h = entered(self.norm2, h, entry, adaptive=self.time_embedding_norm == "scale_shift")
        h = self.conv2(self.dropout(F.silu(h)))
        return cast(Tensor, h + (input_tensor if self.conv_shortcut is None else self.conv_shortcut(input_tensor)))


class Upsample(Upsample2D):
    """Nearest neighbours, then a convolution; features stay channels-last in large batches, too."""

    def forward(  # type: ignore[override]
        self, hidden_states: Tensor, output_size: tuple[int, int] | None = None
    ) -> Tensor:
        """[N, C, H, W] → [N, C, 2H, 2W], or as large as asked for."""
        size = output_size or [2 * side for side in hidden_states.shape[2:]]
        if hidden_states.numel() * 4 >= LARGEST:
            hidden_states = hidden_states.contiguous()
        convolve = cast(nn.Conv2d, self.conv)
        return cast(Tensor, convolve(F.interpolate(hidden_states, size=size, mode="nearest")))


class SelfAttention(Attention):
    """Every position of a feature map looks at every other, through `attend`."""

    def forward(self, hidden_states: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        """[N, C, H, W] → the same."""
        n, c, height, width = hidden_states.shape
        tokens = self.group_norm(hidden_states.flatten(2)).transpose(1, 2)
        parts = (layer(tokens).view(n, -1, self.heads, HEAD) for layer in (self.to_q, self.to_k, self.to_v))
        mixed = attend(*(part.transpose(1, 2) for part in parts)).transpose(1, 2).reshape(n, -1, c)
        return cast(Tensor, hidden_states + self.to_out[0](mixed).view(n, height, width, c).permute(0, 3, 1, 2))


QUICKER: dict[type, type] = {
    nn.GroupNorm: GroupNorm,
    ResnetBlock2D: ResidualBlock,
    Upsample2D: Upsample,
    Attention: SelfAttention,
}
"""What stands in for diffusers' modules."""


class UNet2D(nn.Module):
    """``UNet2DModel`` with a set of objects, or a class, as its condition.

    Args:
        channels: of the picture.
        conditions: K.
        resolution: of the picture in pixels, a multiple of 2^(levels - 1).
        steps: T; the model is told the timestep t itself, as diffusers' pipelines do, not t/T.
        widths: channels of the levels, finest first, each a multiple of 8.
        layers: residual blocks a level on the way down (one more on the way up).
        attention: levels with self-attention, 1 the finest; the lowest point of the network always has it.
        conditioning: how conditions enter. ``add``: through one linear layer, added to the time embedding, which is
            added to the features. ``adagn``: the same, but the embedding scales and shifts norms. ``concat``: as K
            constant planes beside the picture. ``none``: not at all.
        dropout: inside residual blocks.

    Attributes:
        model: the ``UNet2DModel``. What ``add`` and ``adagn`` hand it as ``class_labels`` is an embedding [N, 4·width].
        embed_conditions: the linear layer in front of it, or None.
    """

    def __init__(
        self,
        channels: int,
        conditions: int,
        resolution: int,
        *,
        steps: int,
        widths: Sequence[int],
        layers: int = 2,
        attention: Sequence[int] = (),
        conditioning: UNet2DConditioning = "add",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.conditioning = conditioning
        embedded = conditioning in ("add", "adagn")
        adaptive = conditioning == "adagn"
        groups = math.gcd(*widths, 32)
        kinds = ["Attn" if level in attention else "" for level in range(1, len(widths) + 1)]
        self.model: Any = cast(Any, UNet2DModel)(  # its signature is untyped
            sample_size=resolution,
            in_channels=channels + (conditions if conditioning == "concat" else 0),
            out_channels=channels,
            block_out_channels=tuple(widths),
            layers_per_block=layers,
            down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
            up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
            attention_head_dim=HEAD,
            norm_num_groups=groups,
            attn_norm_num_groups=groups if adaptive else None,
            resnet_time_scale_shift="scale_shift" if adaptive else "default",
            class_embed_type="identity" if embedded else None,
            dropout=dropout,
        )
        for module in self.model.modules():
            if (quicker := QUICKER.get(type(module))) is not None:
                module.__class__ = quicker  # the same parameters under the same names, another way to compute
        self.embed_conditions = nn.Linear(conditions, 4 * widths[0]) if embedded else None

    def forward(self, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
        """x [N, C, H, W], time [N] in [0, 1) as t/T, conditions [N, K] → [N, C, H, W]."""
        embedding = None if self.embed_conditions is None else self.embed_conditions(conditions)
        if self.conditioning == "concat":
            x = torch.cat([x, conditions[:, :, None, None].expand(-1, -1, *x.shape[2:]).to(x.dtype)], dim=1)
        t = (time * self.steps).round()
        x = x.contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.model(x, t, class_labels=embedding, return_dict=False)[0])
