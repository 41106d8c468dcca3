"""Diffusers' ``UNet2DModel`` as a denoising network; its checkpoints open in diffusers' own pipelines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn

from genbench_ddpm.networks.norm import GroupNorm

UNet2DConditioning = Literal["none", "add", "adagn", "concat"]

HEAD = 8
"""Channels of an attention head, diffusers' default; every width must be a multiple of it."""


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
            if type(module) is nn.GroupNorm:
                module.__class__ = GroupNorm  # the same parameters under the same names, another way to compute
        self.embed_conditions = nn.Linear(conditions, 4 * widths[0]) if embedded else None

    def forward(self, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
        """x [N, C, H, W], time [N] in [0, 1) as t/T, conditions [N, K] → [N, C, H, W]."""
        embedding = None if self.embed_conditions is None else self.embed_conditions(conditions)
        if self.conditioning == "concat":
            x = torch.cat([x, conditions[:, :, None, None].expand(-1, -1, *x.shape[2:]).to(x.dtype)], dim=1)
        t = (time * self.steps).round()
        x = x.contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.model(x, t, class_labels=embedding, return_dict=False)[0])
