"""Inception-v3 (Szegedy et al., 2016) as TensorFlow's graph of 2015-12-05 has it, for pictures at inference alone.

It differs from the paper's, and from torchvision's, in what is pooled beside the convolutions: averages leave padding
out, and the last block takes maxima. Batch norms, whose statistics are fixed, are part of the convolutions before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-3
"""Of the batch norms, as TensorFlow's graph has it."""
HALVES = "/"
"""Ends the name of a convolution that goes in steps of two pixels without padding; all others keep the size."""


@dataclass(frozen=True)
class Block:
    """Branches side by side, their outputs one after the other, and what is pooled beside them.

    Attributes:
        branches: names of the convolutions in each; where two stand in one place, both read what came before.
        pool: ``average`` and ``maximum`` keep the size and are followed by the convolution ``branch_pool``; ``halve``
            is the maximum in steps of two, with nothing after it.
    """

    branches: tuple[tuple[str | tuple[str, str], ...], ...]
    pool: str


A = Block(
    (("branch1x1",), ("branch5x5_1", "branch5x5_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")), "average"
)
B = Block((("branch3x3/",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3/")), "halve")
C = Block(
    (
        ("branch1x1",),
        ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
        ("branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
    ),
    "average",
)
D = Block(
    (("branch3x3_1", "branch3x3_2/"), ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4/")), "halve"
)
E1 = Block(
    (
        ("branch1x1",),
        ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
        ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
    ),
    "average",
)
E2 = Block(E1.branches, "maximum")
BLOCKS = {"5b": A, "5c": A, "5d": A, "6a": B, "6b": C, "6c": C, "6d": C, "6e": C, "7a": D, "7b": E1, "7c": E2}


class Convolution(nn.Module):
    """A convolution with its batch norm, followed by ReLU; from the tensors whose names begin with ``name``."""

    def __init__(self, state: Mapping[str, Tensor], name: str, *, stride: int = 1, padded: bool = True) -> None:
        super().__init__()
        scale, shift, mean, variance = (
            state[f"{name}.bn.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / (variance + EPSILON).sqrt()
        weight = state[f"{name}.conv.weight"] * factor.view(-1, 1, 1, 1)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(shift - mean * factor)
        self.stride = stride
        self.padding = [side // 2 if padded else 0 for side in weight.shape[2:]]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, C', H', W'] of [N, C, H, W]."""
        return F.conv2d(maps, self.weight, self.bias, self.stride, self.padding).relu_()


class Mixed(nn.Module):
    """One of the network's blocks."""

    def __init__(self, state: Mapping[str, Tensor], name: str, block: Block) -> None:
        super().__init__()
        self.pool = block.pool
        self.branches = nn.ModuleList(nn.Sequential(*(_stage(state, name, s) for s in b)) for b in block.branches)
        self.after = None if block.pool == "halve" else Convolution(state, f"{name}.branch_pool")

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, C', H', W'] of [N, C, H, W]."""
        return torch.cat([*(branch(maps) for branch in self.branches), self._pooled(maps)], dim=1)

    def _pooled(self, maps: Tensor) -> Tensor:
        if self.after is None:
            return F.max_pool2d(maps, 3, stride=2)
        if self.pool == "maximum":
            return self.after(F.max_pool2d(maps, 3, stride=1, padding=1))  # type: ignore[no-any-return]
        return self.after(F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False))  # type: ignore[no-any-return]


class Both(nn.Module):
    """Two convolutions of the same maps."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, 2 C', H, W] of [N, C, H, W]."""
        return torch.cat([self.first(maps), self.second(maps)], dim=1)


def _stage(state: Mapping[str, Tensor], name: str, stage: str | tuple[str, str]) -> nn.Module:
    if isinstance(stage, tuple):
        return Both(*(Convolution(state, f"{name}.{one}") for one in stage))
    if stage.endswith(HALVES):
        return Convolution(state, f"{name}.{stage.removesuffix(HALVES)}", stride=2, padded=False)
    return Convolution(state, f"{name}.{stage}")


def inception_v3(state: Mapping[str, Tensor]) -> nn.Sequential:
    """The network from pictures float32 [N, 3, 299, 299] in about [-1, 1] to its 2,048 features [N, 2048].

    Args:
        state: tensors by their names in torch-fidelity's and pytorch-fid's files.

    Raises:
        KeyError: when a tensor is missing.
    """
    return nn.Sequential(
        Convolution(state, "Conv2d_1a_3x3", stride=2, padded=False),
        Convolution(state, "Conv2d_2a_3x3", padded=False),
        Convolution(state, "Conv2d_2b_3x3"),
        nn.MaxPool2d(3, stride=2),
        Convolution(state, "Conv2d_3b_1x1"),
        Convolution(state, "Conv2d_4a_3x3", padded=False),
        nn.MaxPool2d(3, stride=2),
        *(Mixed(state, f"Mixed_{name}", block) for name, block in BLOCKS.items()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
