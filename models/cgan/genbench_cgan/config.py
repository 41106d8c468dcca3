"""Everything that influences training a conditional GAN."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from genbench.api import TrainConfig
from genbench_cgan.augmentation import Augmentation
from genbench_cgan.networks import Conditioning
from genbench_cgan.schedules import Constant, LambdaSchedule

__all__ = ["CGANTrainConfig", "Objective"]

Momentum = Annotated[float, Field(ge=0, lt=1)]
Objective = Literal["cgan", "acgan", "acgan-joint", "adc-gan", "projection"]

_CONDITIONING: dict[Objective, Conditioning] = {
    "cgan": "concat",
    "acgan": "concat",
    "acgan-joint": "none",
    "adc-gan": "none",
    "projection": "projection",
}


def _bce_is_non_saturating(value: Any) -> Any:
    return "non-saturating" if value == "bce" else value


class CGANTrainConfig(TrainConfig):
    """A conditional GAN's configuration; the defaults are a small residual network with the guide's help."""

    batch_size: int = Field(64, ge=2, description="pictures a step")
    network: Literal["dcgan", "resnet"] = Field("resnet", description="the pair of networks")
    width: int = Field(32, ge=1, description="base channels of the generator")
    discriminator_width: int | None = Field(None, ge=1, description="base channels of the discriminator; none: width")
    noise: int = Field(64, ge=1, description="noise dimensions")
    noise_mean: float = Field(0.0, description="mean of the noise, whose variance is 1")
    embedding: int = Field(64, ge=1, description="width of the generator's condition embedding")
    planes: int = Field(1, ge=1, description="planes of the discriminator's condition embedding (conditioning concat)")
    label_values: Literal["binary", "index"] = Field("binary", description="a condition's ones are 1 or index + 1")

    objective: Objective = Field("acgan", description="which classifier and which conditioning are in the game")
    conditioning: Conditioning | None = Field(
        None, description="how the discriminator learns the condition; none: as the objective's paper has it"
    )
    loss: Annotated[Literal["non-saturating", "minimax", "hinge"], BeforeValidator(_bce_is_non_saturating)] = Field(
        "non-saturating", description="adversarial loss; bce is another name of non-saturating"
    )
    adversarial_weight: float = Field(1.0, gt=0, description="weight of the generator's adversarial term")
    lambda_schedule: LambdaSchedule = Field(Constant(value=0.2), description="weight of its classifier term")
    r1: float = Field(0.0, ge=0, description="gradient penalty's weight γ on real pictures; 0: none")
    r1_every: int = Field(8, ge=1, description="steps from one penalty to the next, which weighs as many times more")
    augmentations: tuple[Augmentation, ...] = Field((), description="changes to what the discriminator sees")
    guide_augmentations: tuple[Augmentation, ...] = Field((), description="changes to what the guide sees")

    learning_rate_g: float = Field(2e-4, gt=0, description="Adam's, of the generator")
    learning_rate_d: float = Field(2e-4, gt=0, description="Adam's, of the discriminator")
    betas: tuple[Momentum, Momentum] = Field((0.5, 0.999), description="Adam's")
    decay_from: float = Field(
        1.0, ge=0, le=1, description="share of training after which both rates fall linearly to 0"
    )
    discriminator_steps: int = Field(1, ge=1, description="discriminator steps for each of the generator")
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="upper limit of the decay of the generator's average; 0: none"
    )
    ema_warmup: float = Field(
        10.0, ge=1, description="early on, the average spans about the last 1/ema_warmup of training"
    )
    collapse_below: float = Field(
        0.05, ge=0, description="diversity of one condition's pictures, over real ones', below which a run has diverged"
    )

    @model_validator(mode="after")
    def _consistent(self) -> CGANTrainConfig:
        if self.objective == "projection" and self.conditioning not in (None, "projection"):
            raise ValueError(f"objective projection contradicts conditioning {self.conditioning}: leave one out")
        if self.objective == "cgan" and self.conditioning == "none":
            raise ValueError("objective cgan needs conditioning concat or projection: nothing else tells the condition")
        return self

    @property
    def discriminator_conditioning(self) -> Conditioning:
        """How the discriminator learns the condition."""
        return self.conditioning or _CONDITIONING[self.objective]
