"""Everything that influences training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from genbench.api import TrainConfig
from genbench_dann.networks import Normalization, Rectification

__all__ = ["AdversarialConfig", "CDANConfig", "SupervisedConfig"]


class SupervisedConfig(TrainConfig):
    """A classifier trained on labelled pictures; the defaults are the network and rates of Ganin et al. (2016)."""

    network: Literal["lenet", "convnet"] = Field("lenet", description="feature extractor")
    width: int = Field(32, ge=2, description="channels of its first convolution")
    normalize: Normalization = Field("none", description="normalisation in the feature extractor")
    rectify: Rectification = Field("relu", description="what the first convolution's outputs pass: max(x, 0) or |x|")
    bottleneck: int = Field(0, ge=0, description="features, by a last linear layer; 0: the convolutions' own number")
    standardize: bool = Field(False, description="bring each picture to mean 0 and variance 1 first")
    classifier_hidden: tuple[PositiveInt, ...] = Field(
        (100, 100), description="the label classifier's hidden layers: their widths"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="of both classifiers' hidden layers")
    optimizer: Literal["sgd", "adam"] = Field("sgd", description="SGD with Nesterov-free momentum, or Adam")
    learning_rate: float = Field(0.01, gt=0, description="μ₀, at the start of training")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD's momentum, Adam's β₁")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty in the gradient")
    mu_alpha: float = Field(10.0, ge=0, description="α of μ_p = μ₀/(1+αp)^β")
    mu_beta: float = Field(0.75, ge=0, description="β of the same")
    shift: int = Field(0, ge=0, le=8, description="augmentation: pictures move by up to so many pixels each way")
    zoom: float = Field(
        0.0, ge=0, le=1, description="augmentation: pictures grow or shrink by a factor of up to 1 + zoom"
    )
    ema_decay: float = Field(0.0, ge=0, lt=1, description="upper limit of the weight average's decay; 0: none")
    ema_warmup: float = Field(10.0, ge=1, description="early on, it spans about the last 1/ema_warmup of training")


class AdversarialConfig(SupervisedConfig):
    """A domain classifier, heard through gradient reversal."""

    domain_hidden: tuple[PositiveInt, ...] = Field((100,), description="the domain classifier's hidden layers")
    domain_learning_rate: float | None = Field(
        None, gt=0, description="the domain classifier's own μ₀; none: learning_rate"
    )
    gamma: float = Field(10.0, gt=0, description="γ of λ_p = lambda_max·(2/(1+e^{-γp}) - 1)")
    lambda_max: float = Field(
        1.0,
        ge=0,
        description="what λ rises to; 2 is the paper's sum over domains; with 0 nobody hears the domain classifier",
    )
    target_information: float = Field(
        0.0,
        ge=0,
        description="what the weight of the target's mutual information rises to, in step with λ; 0: left out",
    )


class CDANConfig(AdversarialConfig):
    """A domain classifier that sees features and class probabilities together."""

    entropy_weighting: bool = Field(
        True, description="weigh pictures by 1 + e^{-H} of their class probabilities (CDAN+E)"
    )
