"""Group normalisation (Wu & He, 2018) that is quick on a CPU in bfloat16, whatever the width of the groups."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

WIDE = 16
"""Channels of a group from which on torch's own kernels for bfloat16 are the quicker ones."""
LARGE_GRID = 1024
"""Places of a grid from which on torch's own forward kernel is quick for narrow groups, too."""

PARTS = 16
"""Sums of half precision that make up one over all places."""


class GroupNorm(nn.GroupNorm):
    """Group normalisation with statistics in float32, whose result has the input's type.

    torch's kernels read channels-last features of narrow groups with strides, or ask for a float32 copy; on a CPU,
    `NarrowGroups` stands in for them.
    """

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, …] → the same."""
        with torch.autocast(input.device.type, enabled=False):
            if input.dtype not in (torch.bfloat16, torch.float16):
                return super().forward(input)
            if input.device.type != "cpu":
                return super().forward(input.float()).to(input.dtype)
            if not self.affine or input.ndim < 3 or self.num_channels >= WIDE * self.num_groups:
                return super().forward(input)
            y = NarrowGroups.apply(input, self.weight, self.bias, self.num_groups, self.eps)
            return cast(Tensor, y)


def group_norm(channels: int) -> GroupNorm:
    """Groups of about sixteen channels."""
    groups = max(1, channels // 16)
    while channels % groups:
        groups -= 1
    return GroupNorm(groups, channels)


class NarrowGroups(torch.autograd.Function):
    """Group norm as sums over places for each channel, and one scaled and shifted copy, in both directions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        """x [N, C, …] of half precision, weight and bias [C] float32 → the same shape and type."""
        n, c = x.shape[:2]
        places = x[0, 0].numel()
        if places >= LARGE_GRID and _in_order(x):
            y, mean, rstd = torch.native_group_norm(x, weight, bias, n, c, places, groups, eps)
        else:
            mean, rstd = _statistics(x, groups, eps)
            scale = _rounded(_each(rstd, c) * weight, x)
            y = torch.addcmul(_planes(bias - _each(mean, c) * scale, x), x, _planes(scale, x))
        ctx.save_for_backward(x, weight, mean, rstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """With x̂ = (x - μ)·r, ĝ = weight·g and means over a group: r·(ĝ - mean ĝ - x̂·mean(ĝ·x̂)), and Σ g·x̂, Σ g."""
        (gradient,) = gradients
        x, weight, mean, rstd = ctx.saved_tensors
        c, groups = x.shape[1], mean.shape[1]
        members = x[0].numel() // groups
        mean, r = _each(mean, c), _each(rstd, c)
        along_bias = _sums(gradient)
        along_weight = (_sums(gradient * x) - mean * along_bias) * r
        first = _each(_grouped(along_bias * weight, groups) / members, c)
        second = _each(_grouped(along_weight * weight, groups) / members, c)
        slope = _rounded(-r * r * second, x)
        toward = torch.addcmul(_planes(-slope * mean - r * first, x), x, _planes(slope, x))
        toward = torch.addcmul(toward, gradient, _planes(r * weight, x))
        return toward, along_weight.sum(0), along_bias.sum(0), None, None


def _statistics(x: Tensor, groups: int, eps: float) -> tuple[Tensor, Tensor]:
    """Mean and 1/√(variance + eps) of every group [N, groups] float32."""
    members, places = x[0].numel() // groups, _places(x).float()
    mean = _grouped(places.sum(1), groups) / members
    variance = _grouped(places.square().sum(1), groups) / members - mean.square()
    return mean, (variance.clamp_min(0) + eps).rsqrt()


def _places(x: Tensor) -> Tensor:
    """[N, C, …] → [N, places, C]: a view of channels-last features."""
    return x.flatten(2).transpose(1, 2)


def _sums(x: Tensor) -> Tensor:
    """Over places: [N, C, …] → [N, C] float32.

    Sums of half precision, which the kernel accumulates in float32 and rounds at its end, are several times quicker
    than a float32 copy; what rounding takes from `PARTS` of them mostly cancels.
    """
    places = _places(x)
    if places.shape[1] % PARTS:
        return places.sum(1, dtype=torch.float32)
    return places.reshape(len(x), PARTS, -1, x.shape[1]).sum(2).float().sum(1)


def _grouped(x: Tensor, groups: int) -> Tensor:
    """Sums over the channels of groups: [N, C] → [N, groups]."""
    return x.view(len(x), groups, -1).sum(2)


def _each(x: Tensor, channels: int) -> Tensor:
    """A group's number for each of its channels: [N, groups] → [N, C]."""
    return x.repeat_interleave(channels // x.shape[1], dim=1)


def _rounded(factor: Tensor, like: Tensor) -> Tensor:
    """As another tensor's type can hold it: what is added must fit what the features are really multiplied by."""
    return factor.to(like.dtype).float()


def _in_order(x: Tensor) -> bool:
    """Whether torch's own kernel takes features as they lie."""
    return x.is_contiguous() or (x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last))


def _planes(x: Tensor, like: Tensor) -> Tensor:
    """[N, C] → [N, C, 1, …], of another tensor's type and dimensions."""
    return x.to(like.dtype).view(*x.shape, *[1] * (like.ndim - 2))
