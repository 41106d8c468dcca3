"""Training (Ho et al., 2020, algorithm 1) and sampling of a diffusion model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from genbench.api import Averaging, Batch, ConfigError, DataInfo, GenerativeLearner, randn
from genbench_ddpm.configuration import DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.guidance import drop_conditions, guided
from genbench_ddpm.networks.registry import build_network
from genbench_ddpm.optimization import learning_rate_factor, make_optimizer
from genbench_ddpm.prediction import Estimate, add_noise, estimate, loss_weight, target
from genbench_ddpm.samplers import make_sampler, timesteps, walk
from genbench_ddpm.schedules import NoiseProcess


class DiffusionLearner(GenerativeLearner):
    """A denoising network, how a step trains it, and the walk from noise to pictures.

    Args:
        config: everything that influences training.
        data: the pictures.
    """

    def __init__(self, config: DDPMTrainConfig, data: DataInfo) -> None:
        self.config = config
        self.shape = (data.channels, data.resolution, data.resolution)
        self.process = NoiseProcess.build(
            config.schedule,
            config.num_train_timesteps,
            beta_start=config.beta_start,
            beta_end=config.beta_end,
            zero_terminal_snr=config.zero_terminal_snr,
        )
        self.network: nn.Module = build_network(config, data)
        self.networks = {"unet": self.network}
        self.optimizer = make_optimizer(
            config.optimizer,
            self.network.parameters(),
            learning_rate=config.learning_rate,
            beta2=config.beta2,
            weight_decay=config.weight_decay,
        )
        self.optimizers = {"unet": self.optimizer}
        self.averaging = Averaging(("unet",), config.ema_decay, config.ema_warmup)

    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        """Add noise, predict, take the weighted squared error downhill. Returns loss, gradient norm, learning rate."""
        rate = self._set_learning_rate(progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return {"loss": loss.detach(), "grad_norm": norm.detach(), "lr": rate}

    def loss(self, batch: Batch) -> Tensor:
        """E_{t, ε} [w(t)·‖network(x_t, t, c) - target‖²], the mean over pictures and pixels."""
        config, clean = self.config, batch.images
        self.process = self.process.to(clean.device)
        t = torch.randint(self.process.steps, (len(clean),), device=clean.device)
        noise = torch.randn_like(clean)
        a, s = self.process.signal_and_noise(t)
        conditions = drop_conditions(batch.conditions, config.condition_dropout)
        output: Tensor = self.network(add_noise(clean, noise, a, s), t / self.process.steps, conditions)
        error = (output - target(config.prediction_type, clean, noise, a, s)).square()
        weight = loss_weight(config.prediction_type, config.loss_weighting, a, s, gamma=config.min_snr_gamma)
        return (weight * error).mean()

    def sample(self, conditions: Tensor, config: DDPMSampleConfig, *, generator: torch.Generator) -> Tensor:
        """One picture for each condition [N, K]: [N, C, H, W]."""
        start = randn(len(conditions), *self.shape, generator=generator, device=conditions.device)
        *_, pictures = self.trajectory(start, conditions, config, generator=generator)
        return pictures

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
            ConfigError: when more steps are asked for than the model was trained with.
        """
        if config.num_inference_steps > self.process.steps:
            raise ConfigError(
                f"sample.num_inference_steps {config.num_inference_steps} is more than the {self.process.steps} "
                "timesteps of the model: use at most that many"
            )
        process = self.process.to(torch.device("cpu"))
        path = [*timesteps(process.steps, config.num_inference_steps, config.timestep_spacing), -1]
        sampler = make_sampler(config.sampler, process, eta=config.eta, variance=config.variance_type)
        yield from walk(
            lambda x, t: self.predict(x, t, conditions, config),
            sampler,
            start,
            path,
            lambda: randn(*start.shape, generator=generator, device=start.device),
        )

    def predict(self, x: Tensor, t: int, conditions: Tensor, config: DDPMSampleConfig) -> Estimate:
        """The guided estimate of x₀ and ε from x_t; ε keeps to the network's word where x₀ is clipped."""
        low, high = config.guidance_interval
        time = t / self.process.steps
        scale = config.guidance_scale if low <= time <= high else 1.0
        output = guided(self.network, x, torch.full((len(x),), time, device=x.device), conditions, scale)
        alpha_bar = self.process.alpha_bar(t)
        found = estimate(self.config.prediction_type, output, x, alpha_bar**0.5, (1 - alpha_bar) ** 0.5)
        return Estimate(found.clean.clamp(-1, 1), found.noise) if config.clip_sample else found

    def _set_learning_rate(self, progress: float) -> float:
        factor = learning_rate_factor(progress, warmup=self.config.warmup, decay=self.config.decay)
        rate = self.config.learning_rate * factor
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate
