"""Feature extractors and the two classifiers upon them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.api import ConfigError

__all__ = [
    "EXTRACTORS",
    "ConvNet",
    "DomainBatchNorm",
    "LeNet",
    "Normalization",
    "Rectification",
    "build_extractor",
    "feature_size",
    "mlp",
    "set_domains",
]


class Standardize(nn.Module):
    """Bring each picture [N, C, H, W] to mean 0 and variance 1 over its pixels and channels."""

    def forward(self, images: Tensor) -> Tensor:
        variance, mean = torch.var_mean(images, dim=(1, 2, 3), keepdim=True, correction=0)
        return (images - mean) * (variance + 1e-4).rsqrt()


Normalization = Literal["none", "batch", "domain", "instance"]
"""``batch``: by the statistics of the training batch, in which both domains are mixed; ``domain``: see
`DomainBatchNorm`; ``instance``: by each picture's own."""


Rectification = Literal["relu", "abs"]
"""Of the first convolution: max(x, 0), or |x|, to which a bright stroke on dark ground and the reverse are the same
(K. Jarrett et al., *What is the best multi-stage architecture for object recognition?*, ICCV 2009)."""


class Absolute(nn.Module):
    """|x|."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x.abs()


class DomainBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation in which each domain is normalised by its own statistics.

    In training, the batch [D·N, C, …] holds ``domains`` = D stretches of one domain each; weights and biases are
    shared. The running statistics, which evaluation uses, are the last stretch's: the target's, for that is what an
    adapted network is for (after Y. Li et al., *Revisiting batch normalization for practical domain adaptation*,
    arXiv:1603.04779). With one domain it is ordinary batch normalisation.
    """

    domains: int = 1

    def forward(self, images: Tensor) -> Tensor:
        """Normalised [D·N, C, …]."""
        if not self.training or self.domains == 1:
            return super().forward(images)
        *others, last = images.chunk(self.domains)
        normalized = [F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps) for x in others]
        return torch.cat([*normalized, super().forward(last)])

    def _check_input_dim(self, images: Tensor) -> None:
        """Any number of places is fine."""


def set_domains(network: nn.Module, domains: int) -> None:
    """Tell every `DomainBatchNorm` how many domains a training batch holds."""
    for module in network.modules():
        if isinstance(module, DomainBatchNorm):
            module.domains = domains


class LeNet(nn.Sequential):
    """Two 5x5 convolutions, each with ReLU and 2x2 max-pooling (Y. Ganin et al., JMLR 2016, figure 4, MNIST).

    Pictures [N, C, R, R], R ≥ 16, become features [N, D]: D = 48·4·4 at 16 and 28 pixels, 48·5·5 at 32. Below 24 pixels
    the convolutions keep the size, so that as many places remain as at 28.

    Args:
        channels: 1 or 3.
        resolution: R.
        width: channels of the first convolution; the second has half as many again.
        normalize: what follows each convolution.
        rectify: what the first one's outputs pass in place of ReLU.
    """

    def __init__(
        self,
        channels: int,
        resolution: int,
        *,
        width: int = 32,
        normalize: Normalization = "none",
        rectify: Rectification = "relu",
    ) -> None:
        padding = 2 if resolution < 24 else 0
        layers: list[nn.Module] = []
        for inputs, outputs, kind in ((channels, width, rectify), (width, width * 3 // 2, "relu")):
            layers.append(nn.Conv2d(inputs, outputs, 5, padding=padding, bias=normalize == "none"))
            layers += _norm(normalize, outputs)
            if kind == "abs":
                layers += [Absolute(), nn.MaxPool2d(2)]
            else:
                layers += [nn.MaxPool2d(2), nn.ReLU()]  # in this order the same numbers, with a quarter of the work
        super().__init__(*layers, nn.Flatten())


class ConvNet(nn.Sequential):
    """Three stages of two 3x3 convolutions with normalisation and ReLU, for pairs as far apart as SVHN's.

    Between stages the size halves by max-pooling; at the end features [N, 4·width] are averages over the picture.

    Args:
        channels: 1 or 3.
        resolution: at least 16.
        width: channels of the first stage; the second has twice, the third four times as many.
        normalize: what follows each convolution; with ``none``, deep as this is, training is slow.
        rectify: what the first one's outputs pass in place of ReLU.
    """

    def __init__(
        self,
        channels: int,
        resolution: int,  # noqa: ARG002
        *,
        width: int = 32,
        normalize: Normalization = "batch",
        rectify: Rectification = "relu",
    ) -> None:
        layers: list[nn.Module] = []
        inputs = channels
        for stage, outputs in enumerate((width, 2 * width, 4 * width)):
            layers += [nn.MaxPool2d(2)] if stage else []
            for block in range(2):
                layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=normalize == "none"))
                layers += _norm(normalize, outputs)
                layers.append(Absolute() if rectify == "abs" and stage == block == 0 else nn.ReLU())
                inputs = outputs
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


EXTRACTORS: Mapping[str, Callable[..., nn.Sequential]] = {"lenet": LeNet, "convnet": ConvNet}


def build_extractor(
    name: str,
    channels: int,
    resolution: int,
    *,
    width: int,
    normalize: Normalization,
    rectify: Rectification = "relu",
    standardize: bool = False,
    bottleneck: int = 0,
) -> nn.Module:
    """The feature extractor of that name, from pictures [N, C, R, R] to features [N, D].

    Args:
        name: of `EXTRACTORS`.
        channels, resolution: of the pictures.
        width, normalize, rectify: of the convolutions.
        standardize: whether pictures pass `Standardize` first.
        bottleneck: D, by a linear layer with ReLU at the end; 0: as the convolutions have it.

    Raises:
        ConfigError: when the pictures are too small.
    """
    if resolution < 16:
        raise ConfigError(f"network {name!r} needs pictures of at least 16×16, not {resolution}×{resolution}")
    layers: list[nn.Module] = [Standardize()] if standardize else []
    layers += EXTRACTORS[name](channels, resolution, width=width, normalize=normalize, rectify=rectify)
    if bottleneck:
        inputs = feature_size(nn.Sequential(*layers), channels, resolution)
        layers += [nn.Linear(inputs, bottleneck), *_norm_of_features(normalize, bottleneck), nn.ReLU()]
    return nn.Sequential(*layers)


def feature_size(extractor: nn.Module, channels: int, resolution: int) -> int:
    """D: how many features the extractor gives a picture."""
    training = extractor.training
    with torch.no_grad():
        features: Tensor = extractor.eval()(torch.zeros(1, channels, resolution, resolution))
    extractor.train(training)
    return int(features.shape[1])


def mlp(inputs: int, hidden: Sequence[int], outputs: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers of the given widths with ReLU (and dropout) between them."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _norm_of_features(kind: Normalization, size: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm1d(size)]
    return [DomainBatchNorm(size)] if kind == "domain" else []


def _norm(kind: Normalization, channels: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "domain":
        return [DomainBatchNorm(channels)]
    if kind == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    return []
