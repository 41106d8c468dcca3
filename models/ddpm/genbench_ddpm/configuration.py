"""Everything that can be set: what influences training, and what influences only sampling."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from genbench.api import ConfigError, SampleConfig, TrainConfig
from genbench_ddpm.networks.unet import Conditioning, UNetSize
from genbench_ddpm.optimization import Decay, OptimizerName
from genbench_ddpm.prediction import LossWeighting, PredictionType
from genbench_ddpm.samplers import SamplerName, Spacing, Variance
from genbench_ddpm.schedules import ScheduleName

Channels = Annotated[int, Field(ge=8, multiple_of=8)]
NetworkName = Literal["unet", "context-unet", "unet2d"]


class DDPMTrainConfig(TrainConfig):
    """Noise process, network, conditioning, loss, optimiser."""

    schedule: ScheduleName = Field("squared-cosine", description="how the noise variances grow")
    num_train_timesteps: int = Field(1000, ge=2, le=1_000_000, description="T, steps of the noise process")
    beta_start: float = Field(1e-4, gt=0, lt=1, description="first variance (not for squared-cosine)")
    beta_end: float = Field(0.02, gt=0, lt=1, description="last variance (not for squared-cosine)")
    zero_terminal_snr: bool = Field(False, description="rescale the schedule so that its last step is pure noise")
    scaling_factor: Annotated[float, Field(gt=0, le=1000)] | Literal["auto"] = Field(
        1.0, description="pictures are multiplied by it before noise is added; auto: to a standard deviation of 0.5"
    )
    timestep_sampling: Literal["uniform", "logit-normal"] = Field("uniform", description="where training draws t")
    logit_mean: float = Field(0.0, description="mean of the logit of t/T; above 0: more noise")
    logit_std: float = Field(1.0, gt=0, description="standard deviation of the logit of t/T")
    prediction_type: PredictionType = Field("v_prediction", description="what the network predicts")
    loss_weighting: LossWeighting = Field("uniform", description="how the loss weighs timesteps")
    min_snr_gamma: float = Field(5.0, gt=0, description="γ of min-snr weighting")

    network: NetworkName = Field("unet", description="the denoising network")
    size: UNetSize = Field("s", description="size of the unet")
    patch_size: int = Field(1, ge=1, description="pixels on a side of the patches that the unet works on")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout inside the residual blocks of unet and unet2d")
    width: int = Field(256, ge=8, multiple_of=8, description="channels of the context-unet's finest grid")
    block_out_channels: tuple[Channels, ...] = Field(
        (128, 128, 256, 256, 512, 512), min_length=1, max_length=8, description="channels of the unet2d's levels"
    )
    layers_per_block: int = Field(2, ge=1, le=16, description="residual blocks on each level of the unet2d")
    attention_levels: tuple[int, ...] = Field((5,), description="unet2d's levels with self-attention, 1 the finest")

    conditioning: Conditioning = Field(
        "adagn", description="how conditions enter unet and unet2d; none: pictures without conditions"
    )
    condition_dropout: float = Field(0.1, ge=0, le=1, description="share of pictures trained without their condition")

    optimizer: OptimizerName = Field("adamw", description="the optimiser")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate")
    beta2: float = Field(0.99, gt=0, lt=1, description="Adam's decay of squared gradients")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay, times the learning rate")
    warmup: float = Field(0.02, ge=0, lt=1, description="share of the budget over which the learning rate rises")
    decay: Decay = Field("cosine", description="how the learning rate falls to zero by the end of the budget")
    max_grad_norm: float = Field(1.0, ge=0, description="gradients are scaled down to this norm; 0 leaves them")
    ema_decay: float = Field(0.9999, ge=0, lt=1, description="upper limit of the weight average's decay; 0: no average")
    ema_warmup: float = Field(20.0, ge=1, description="the average spans about the last 1/ema_warmup of training")

    @model_validator(mode="after")
    def _pure_noise_has_no_epsilon_loss(self) -> Self:
        if self.zero_terminal_snr and self.prediction_type == "epsilon":
            raise ValueError("zero_terminal_snr needs prediction_type v_prediction or sample: ε says nothing at SNR 0")
        if self.beta_start > self.beta_end:
            raise ValueError(f"beta_start {self.beta_start} is above beta_end {self.beta_end}")
        return self

    @model_validator(mode="after")
    def _attention_is_on_levels_that_exist(self) -> Self:
        levels = len(self.block_out_channels)
        if self.network == "unet2d" and any(not 1 <= level <= levels for level in self.attention_levels):
            raise ValueError(f"attention_levels {self.attention_levels} must be levels from 1 to {levels}")
        return self


class DDPMSampleConfig(SampleConfig):
    """Sampler, steps, guidance."""

    sampler: SamplerName = Field("ddpm", description="the way back from noise to pictures")
    num_inference_steps: int = Field(250, ge=1, description="network evaluations a picture (twice that if guided)")
    timestep_spacing: Spacing = Field("trailing", description="which of the training timesteps are visited")
    eta: float = Field(0.0, ge=0, le=1, description="fresh noise of the ddim sampler: 0 none, 1 as ddpm")
    variance_type: Variance = Field("fixed_small", description="variance of the ddpm sampler: posterior, or β")
    guidance_scale: float = Field(1.0, ge=0, description="classifier-free guidance, 1 + w: 1 is plain conditional")
    guidance_interval: tuple[float, float] = Field((0.0, 1.0), description="share of T, from and to, that is guided")
    guide_scale: float = Field(0.0, ge=0, description="guidance by the guide classifier's gradient: 0 is none")
    clip_sample: bool = Field(True, description="clip estimates of the clean picture to [-1, 1] on the way")
    use_clipped_model_output: bool = Field(True, description="where it was clipped, the ddim step's ε follows it")

    @model_validator(mode="after")
    def _interval_rises(self) -> Self:
        low, high = self.guidance_interval
        if not 0 <= low <= high <= 1:
            raise ValueError(f"guidance_interval {self.guidance_interval} must rise within [0, 1]")
        return self


class DDIMSampleConfig(DDPMSampleConfig):
    """The same with the deterministic sampler and few steps."""

    sampler: SamplerName = Field("ddim", description="the way back from noise to pictures")
    num_inference_steps: int = Field(50, ge=1, description="network evaluations a picture (twice that if guided)")


def check_sampling(train: DDPMTrainConfig, sample: DDPMSampleConfig) -> None:
    """Refuse ways of sampling that a model trained so does not have.

    Raises:
        ConfigError: more steps than the model has, or guidance by the half of it that was never trained. What a
            checkpoint has learned stands in no configuration, so a checkpoint may be guided.
    """
    if sample.num_inference_steps > train.num_train_timesteps:
        raise ConfigError(
            f"sample.num_inference_steps {sample.num_inference_steps} is more than the {train.num_train_timesteps} "
            "timesteps of the model: use at most that many"
        )
    blind = train.conditioning != "none" and train.condition_dropout == 0
    if blind and sample.guidance_scale != 1 and getattr(train, "checkpoint", None) is None:
        raise ConfigError(
            f"sample.guidance_scale {sample.guidance_scale:g} needs a model that was also trained without conditions, "
            "but train.condition_dropout is 0: use guidance_scale 1, or train with condition_dropout 0.1"
        )
