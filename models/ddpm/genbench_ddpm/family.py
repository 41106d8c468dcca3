"""The families ``ddpm`` and ``ddim``."""

from __future__ import annotations

from torch import nn

from genbench.api import DataInfo, Family
from genbench_ddpm.configuration import DDIMSampleConfig, DDPMSampleConfig, DDPMTrainConfig
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.presets import DDIM_PRESETS, DDPM_PRESETS


class DDPM(Family):
    """Denoising diffusion probabilistic models (Ho et al., 2020) with classifier-free guidance."""

    name = "ddpm"
    title = "DDPM"
    task = "generation"
    version = 1
    TrainConfig = DDPMTrainConfig
    SampleConfig = DDPMSampleConfig
    presets = DDPM_PRESETS

    def learner(self, config: DDPMTrainConfig, data: DataInfo, *, guide: nn.Module | None = None) -> DiffusionLearner:  # noqa: ARG002
        """A fresh learner on the CPU."""
        return DiffusionLearner(config, data)


class DDIM(DDPM):
    """Denoising diffusion implicit models (Song et al., 2021): a DDPM's training, a deterministic way back."""

    name = "ddim"
    title = "DDIM"
    trains_as = "ddpm"
    SampleConfig = DDIMSampleConfig
    presets = DDIM_PRESETS
