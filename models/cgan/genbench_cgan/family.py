"""The family as the core sees it."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from genbench.api import ConfigError, DataInfo, Family, SampleConfig, Task
from genbench_cgan.config import CGANTrainConfig
from genbench_cgan.learner import CGANLearner
from genbench_cgan.networks.layers import grid
from genbench_cgan.presets import PRESETS

__all__ = ["CGAN"]

_SMALLEST, _LARGEST = 3, 8


class CGAN(Family):
    """Conditional GANs: concatenation, projection, and auxiliary classifiers (guide, joint, discriminative)."""

    name = "cgan"
    title = "Conditional GAN"
    task: ClassVar[Task] = "generation"
    TrainConfig = CGANTrainConfig
    SampleConfig = SampleConfig
    samples_quickly = True
    presets = PRESETS

    def needs_guide(self, config: Any) -> bool:
        """Only training with objective acgan has the guide in its loss."""
        return isinstance(config, CGANTrainConfig) and config.objective == "acgan"

    def learner(self, config: CGANTrainConfig, data: DataInfo, *, guide: nn.Module | None = None) -> CGANLearner:
        """Networks for any resolution m·2ⁿ with 3 ≤ m ≤ 8 and n ≥ 1, such as 16, 28, 32 and 64.

        Raises:
            ConfigError: when the resolution is not of that form, or the guide is missing.
        """
        side, doublings = grid(data.resolution)
        if doublings == 0 or not _SMALLEST <= side <= _LARGEST:
            raise ConfigError(
                f"cgan cannot draw {data.name} at {data.resolution}×{data.resolution}: "
                "its networks double a side of 3 to 8 pixels; choose e.g. --resolution 16, 28, 32 or 64"
            )
        return CGANLearner(config, data, guide)
