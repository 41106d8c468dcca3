"""Training (Ho et al., 2020, algorithm 1) and sampling of a diffusion model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from genbench.api import Averaging, Batch, ConfigError, DataInfo, GenerativeLearner, randn
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig, check_sampling
from genbench_ddpm.guidance import LEAST_SIGNAL, classifier_guided, drop_conditions, guided, log_likelihood
from genbench_ddpm.networks.registry import build_network
from genbench_ddpm.optimization import learning_rate_factor, make_optimizers
from genbench_ddpm.prediction import Estimate, add_noise, estimate, loss_weight, target
from genbench_ddpm.samplers import make_sampler, timesteps, walk
from genbench_ddpm.schedules import NoiseProcess

SPREAD = 0.5
"""The standard deviation that ``scaling_factor = "auto"`` gives pictures: what Karras et al. (2022) assume of data."""


class DiffusionLearner(GenerativeLearner):
    """A denoising network, how a step trains it, and the walk from noise to pictures.

    Args:
        config: everything that influences training.
        data: the pictures.
        guide: a classifier of clean pictures, for sampling with ``guide_scale`` above 0.
        network: to start from, in place of a fresh one.
    """

    def __init__(
        self,
        config: DDPMTrainConfig,
        data: DataInfo,
        *,
        guide: nn.Module | None = None,
        network: nn.Module | None = None,
    ) -> None:
        self.config = config
        self.guide = guide
        self.exclusive = data.exclusive
        self.shape = (data.channels, data.resolution, data.resolution)
        self.noise_shape = self.shape
        self.scale = _scale(config, data)
        self.process = NoiseProcess.build(
            config.schedule,
            config.num_train_timesteps,
            beta_start=config.beta_start,
            beta_end=config.beta_end,
            zero_terminal_snr=config.zero_terminal_snr,
        )
        self.network: nn.Module = build_network(config, data) if network is None else network
        self.networks = {"unet": self.network}
        self.optimizers = make_optimizers(
            config.optimizer,
            self.network,
            learning_rate=config.learning_rate,
            beta2=config.beta2,
            weight_decay=config.weight_decay,
        )
        if config.ema_decay:
            self.averaging = Averaging(("unet",), config.ema_decay, config.ema_warmup)

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        """Add noise, predict, take the weighted squared error downhill. Returns loss, gradient norm, learning rate."""
        rate = self._set_learning_rate(progress)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm or math.inf)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return {"loss": loss.detach(), "grad_norm": norm.detach(), "lr": rate}

    def loss(self, batch: Batch) -> Tensor:
        """E_{t, ε} [w(t)·‖network(x_t, t, c) - target‖²], the mean over pictures and pixels."""
        clean = batch.images
        t = self._timesteps(len(clean), clean.device)
        noise = torch.randn_like(clean)
        return self._error(clean, noise, t, drop_conditions(batch.conditions, self.config.condition_dropout))

    def validate(self, batch: Batch) -> Tensor:
        """The loss with conditions kept and timesteps spread evenly: t_i = (i + ½)·T/N for picture i of N."""
        clean = batch.images
        share = (torch.arange(len(clean), device=clean.device) + 0.5) / len(clean)
        return self._error(clean, torch.randn_like(clean), (share * self.process.steps).long(), batch.conditions)

    def _timesteps(self, count: int, device: torch.device) -> Tensor:
        """Timesteps int64 [count] to train at: evenly, or t/T with a normal logit (Esser et al., 2024, section 3.1)."""
        config, steps = self.config, self.process.steps
        if config.timestep_sampling == "uniform":
            return torch.randint(steps, (count,), device=device)
        logit = config.logit_mean + config.logit_std * torch.randn(count, device=device)
        return (logit.sigmoid() * steps).long().clamp_max(steps - 1)

    def _error(self, clean: Tensor, noise: Tensor, t: Tensor, conditions: Tensor) -> Tensor:
        """The weighted squared error of x_t for timesteps int64 [N], the mean over pictures and pixels."""
        config, clean = self.config, clean * self.scale
        self.process = self.process.to(clean.device)
        a, s = self.process.signal_and_noise(t)
        output: Tensor = self.network(add_noise(clean, noise, a, s), t / self.process.steps, conditions)
        error = (output - target(config.prediction_type, clean, noise, a, s)).square()
        weight = loss_weight(config.prediction_type, config.loss_weighting, a, s, gamma=config.min_snr_gamma)
        return (weight * error).mean()

    def sample(self, conditions: Tensor, config: DDPMSampleConfig, *, generator: torch.Generator) -> Tensor:
        """One picture for each condition [N, K]: [N, C, H, W]."""
        start = randn(len(conditions), *self.shape, generator=generator, device=conditions.device)
        return self.sample_from(start, conditions, config, generator=generator)

    def sample_from(
        self, start: Tensor, conditions: Tensor, config: DDPMSampleConfig, *, generator: torch.Generator
    ) -> Tensor:
        """The same from start noises x_T [N, C, H, W]."""
        *_, pictures = self.trajectory(start, conditions, config, generator=generator)
        return pictures

    def path(self, config: DDPMSampleConfig) -> list[int]:
        """The timesteps that sampling visits: the start's, falling, and -1 for the clean picture.

        Raises:
            ConfigError: when a model trained so cannot be sampled so (`check_sampling`).
        """
        check_sampling(self.config, config)
        return [*timesteps(self.process.steps, config.num_inference_steps, config.timestep_spacing), -1]

    def trajectory(
        self, start: Tensor, conditions: Tensor, config: DDPMSampleConfig, *, generator: torch.Generator
    ) -> Iterator[Tensor]:
        """The pictures after each step of the reverse process.

        Args:
            start: noise [N, C, H, W].
            conditions: [N, K].
            config: sampler and guidance.
            generator: for the noise of stochastic samplers.

        Raises:
            ConfigError: when a model trained so cannot be sampled so (`check_sampling`).
        """
        path = self.path(config)
        process = self.process.to(torch.device("cpu"))
        sampler = make_sampler(config.sampler, process, eta=config.eta, variance=config.variance_type)
        for x in walk(
            lambda x, t: self.predict(x, t, conditions, config),
            sampler,
            start,
            path,
            lambda: randn(*start.shape, generator=generator, device=start.device),
        ):
            yield x / self.scale

    def predict(self, x: Tensor, t: int, conditions: Tensor, config: DDPMSampleConfig) -> Estimate:
        """The guided estimate of x₀ and ε from x_t, x₀ clipped and ε following it if the configuration says so.

        Where ε keeps to the network's word, as in diffusers unless asked, a clipped x₀ and ε no longer make up x_t, and
        every DDIM step loses a little of the picture: the more steps, the worse.

        All of them live where the noise process does: x₀ is a picture times `scale`.

        Raises:
            ConfigError: when the guide is to guide and the learner was built without it.
        """
        low, high = config.guidance_interval
        time = t / self.process.steps
        guidance = low <= time <= high
        scale = config.guidance_scale if guidance and self.config.conditioning != "none" else 1.0
        alpha_bar = self.process.alpha_bar(t)
        a, s = alpha_bar**0.5, (1 - alpha_bar) ** 0.5

        def denoise(x: Tensor) -> Estimate:
            output = guided(self.network, x, torch.full((len(x),), time, device=x.device), conditions, scale)
            return estimate(self.config.prediction_type, output, x, a, s)

        def likelihood(clean: Tensor) -> Tensor:
            return self._log_likelihood(_clipped(clean, self.scale) if config.clip_sample else clean, conditions)

        if config.guide_scale and guidance and a > LEAST_SIGNAL:
            found = classifier_guided(denoise, x, a, s, log_likelihood=likelihood, scale=config.guide_scale)
        else:
            found = denoise(x)
        if not config.clip_sample:
            return found
        clean = found.clean.clamp(-self.scale, self.scale)
        return Estimate(clean, (x - a * clean) / s if config.use_clipped_model_output else found.noise)

    def _log_likelihood(self, clean: Tensor, conditions: Tensor) -> Tensor:
        """The guide's log p(c | x₀) [N] for scaled pictures."""
        if self.guide is None:
            raise ConfigError("sample.guide_scale needs the guide, but this model was loaded without: use 0")
        return log_likelihood(self.guide(clean / self.scale), conditions, exclusive=self.exclusive)

    def _set_learning_rate(self, progress: float) -> float:
        factor = learning_rate_factor(progress, warmup=self.config.warmup, decay=self.config.decay)
        rate = self.config.learning_rate * factor
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
        return rate


def _scale(config: DDPMTrainConfig, data: DataInfo) -> float:
    """What pictures are multiplied by before noise is added (Chen, 2023, calls it input scaling)."""
    if config.scaling_factor != "auto":
        return config.scaling_factor
    if data.std <= 0:
        raise ConfigError(f"train.scaling_factor auto: all pixels of {data.name} are equal: give a number")
    return SPREAD / data.std


def _clipped(clean: Tensor, limit: float) -> Tensor:
    """Pictures within ±limit, with the derivative of what was clipped as if it had not been."""
    return clean + (clean.clamp(-limit, limit) - clean).detach()
