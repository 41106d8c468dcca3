"""The two classifier architectures of the evaluators.

They differ on purpose: what one can be fooled by, the other need not be. The referee is a residual network with ReLU,
strided convolutions and average pooling; the guide is a plain stack of convolutions with SiLU, max-pooling and a 5×5
first layer. Both take square pictures of any resolution from 8 pixels and give logits and penultimate features.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.errors import ConfigError
from genbench.evaluators.evaluator import FeatureClassifier

MIN_RESOLUTION = 8
MAX_RESOLUTION = 64
"""Larger pictures are average-pooled towards this before the first layer."""
SMALLEST_MAP = 4
DENSE_SIDE = 16
FEATURES = 128
WIDTHS = (32, 64, 96, 128)


class Classifier(FeatureClassifier, ABC):
    """A convolutional classifier.

    Args:
        resolution: pixels on a side, at least `MIN_RESOLUTION`.
        classes: number of logits K.

    Attributes:
        dim: number of features D.

    Raises:
        ConfigError: when the size cannot be classified.
    """

    dim = FEATURES

    def __init__(self, resolution: int, classes: int) -> None:
        super().__init__()
        if resolution < MIN_RESOLUTION:
            raise ConfigError(f"resolution {resolution} is too small for an evaluator: use at least {MIN_RESOLUTION}")
        self.shrink = max(1, resolution // MAX_RESOLUTION)
        self.head = nn.Linear(self.dim, classes)

    @abstractmethod
    def maps(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to the last feature maps before pooling."""

    @abstractmethod
    def pool(self, maps: Tensor) -> Tensor:
        """Feature maps to features [N, D]."""

    def features(self, images: Tensor) -> Tensor:
        """Penultimate features [N, D] of images [N, C, H, W] in [-1, 1]."""
        if self.shrink > 1:
            images = F.avg_pool2d(images, self.shrink)
        return self.pool(self.maps(images))

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W] in [-1, 1]."""
        logits: Tensor = self.head(F.dropout(self.features(images), 0.1, self.training))
        return logits


def halvings(resolution: int) -> int:
    """How often the maps are halved: until they are `SMALLEST_MAP` pixels wide or the widths run out."""
    size, count = resolution // max(1, resolution // MAX_RESOLUTION), 0
    while size >= 2 * SMALLEST_MAP and count < len(WIDTHS):
        size, count = size // 2, count + 1
    return count


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch norm around a shortcut (He et al., 2016, basic block)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] to [N, outputs, H/stride, W/stride]."""
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


class ResidualClassifier(Classifier):
    """The referee: a small residual network, halving by strided convolutions, with average pooling."""

    def __init__(self, resolution: int, channels: int, classes: int) -> None:
        super().__init__(resolution, classes)
        # Halve early, which is cheap, but let the first block see all pixels where that leaves enough halvings.
        halved = halvings(resolution)
        first = 0 if halved == len(WIDTHS) else 1
        strides = [2 if first <= place < first + halved else 1 for place in range(len(WIDTHS))]
        blocks: list[nn.Module] = [nn.Conv2d(channels, WIDTHS[0] // 2, 3, 1, 1, bias=False)]
        blocks += [nn.BatchNorm2d(WIDTHS[0] // 2), nn.ReLU()]
        inputs = WIDTHS[0] // 2
        for width, stride in zip(WIDTHS, strides, strict=True):
            blocks.append(ResidualBlock(inputs, width, stride))
            inputs = width
        self.body = nn.Sequential(*blocks)

    def maps(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to maps [N, D, h, w]."""
        maps: Tensor = self.body(images)
        return maps

    def pool(self, maps: Tensor) -> Tensor:
        """The mean over places, [N, D]."""
        return maps.mean(dim=(2, 3))


class PlainClassifier(Classifier):
    """The guide: plain convolutions with SiLU, halving by max-pooling, with a smooth maximum over places."""

    def __init__(self, resolution: int, channels: int, classes: int) -> None:
        super().__init__(resolution, classes)
        pools, side = halvings(resolution), resolution // self.shrink
        layers = _convolution(channels, WIDTHS[0], 5)
        for place, (inputs, outputs) in enumerate(pairwise((*WIDTHS, self.dim))):
            if place < pools:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            layers += _convolution(inputs, outputs, 3)
            if side <= DENSE_SIDE and place < len(WIDTHS) - 1:  # a second convolution where it is cheap
                layers += _convolution(outputs, outputs, 3)
        self.body = nn.Sequential(*layers)

    def maps(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to maps [N, D, h, w]."""
        maps: Tensor = self.body(images)
        return maps

    def pool(self, maps: Tensor) -> Tensor:
        """The log-mean-exp over places, [N, D]: between mean and maximum, and differentiable everywhere."""
        return torch.logsumexp(maps.flatten(2), dim=2) - math.log(maps.shape[2] * maps.shape[3])


def _convolution(inputs: int, outputs: int, size: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()]


ARCHITECTURES: Mapping[str, Callable[[int, int, int], Classifier]] = {
    "residual": ResidualClassifier,
    "plain": PlainClassifier,
}
"""Architecture names as they stand in weight files."""


def build(architecture: str, resolution: int, channels: int, classes: int) -> Classifier:
    """An untrained classifier, on the CPU.

    Raises:
        ConfigError: when the architecture is unknown or the resolution too small.
    """
    if architecture not in ARCHITECTURES:
        raise ConfigError(f"evaluator architecture {architecture!r} is unknown: use {' or '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](resolution, channels, classes)
