"""The families ``ddpm`` and ``ddim``."""

from __future__ import annotations

from typing import Any

from torch import nn

from genbench.api import ConfigError, DataInfo, Family
from genbench_ddpm.configuration import DDIMSampleConfig, DDPMSampleConfig, DDPMTrainConfig, check_sampling
from genbench_ddpm.diffusers_layout import write_diffusers
from genbench_ddpm.figures import FIGURES
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.presets import DDIM_PRESETS, DDPM_PRESETS
from genbench_ddpm.pretrained import CheckpointTrainConfig, pretrained
from genbench_ddpm.pretrained_network import read_network


class DDPM(Family):
    """Denoising diffusion probabilistic models (Ho et al., 2020), with classifier-free guidance and the guide's."""

    name = "ddpm"
    title = "DDPM"
    task = "generation"
    version = 7
    TrainConfig = CheckpointTrainConfig
    SampleConfig = DDPMSampleConfig
    presets = {**DDPM_PRESETS, "pretrained": pretrained({"sampler": "ddpm"})}  # noqa: RUF012 - declared in Family
    figures = FIGURES
    layouts = {"diffusers": write_diffusers}  # noqa: RUF012 - declared in Family

    def needs_guide(self, config: Any) -> bool:
        """When sampling is guided by the guide's gradient."""
        return isinstance(config, DDPMSampleConfig) and config.guide_scale > 0

    def check(self, train: DDPMTrainConfig, sample: DDPMSampleConfig) -> None:
        """At most as many steps as the model has, and guidance only where it was also trained without conditions."""
        check_sampling(train, sample)

    def learner(self, config: DDPMTrainConfig, data: DataInfo, *, guide: nn.Module | None = None) -> DiffusionLearner:
        """A fresh learner on the CPU, or one that starts from a checkpoint.

        Raises:
            ConfigError: when the configuration does not fit the data, or trains nothing.
            DataError: when the checkpoint is damaged or for other pictures.
        """
        checkpoint = getattr(config, "checkpoint", None)
        if checkpoint is not None:
            network = read_network(checkpoint, data, config.num_train_timesteps)
            return DiffusionLearner(config, data, guide=guide, network=network)
        if config.learning_rate == 0:
            raise ConfigError("train.learning_rate 0 trains nothing: give train.checkpoint=FOLDER, or a positive rate")
        return DiffusionLearner(config, data, guide=guide)


class DDIM(DDPM):
    """Denoising diffusion implicit models (Song et al., 2021): a DDPM's training, a deterministic way back."""

    name = "ddim"
    title = "DDIM"
    trains_as = "ddpm"
    SampleConfig = DDIMSampleConfig
    presets = {**DDIM_PRESETS, "pretrained": pretrained({"sampler": "ddim"})}  # noqa: RUF012
