"""The families as the core sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from genbench.api import DataInfo, Family, Task
from genbench_dann.config import AdversarialConfig, CDANConfig, SupervisedConfig
from genbench_dann.learner import CDANLearner, DANNLearner, SupervisedLearner
from genbench_dann.presets import CDAN_PRESETS, DANN_PRESETS, SOURCE_ONLY_PRESETS, TARGET_ONLY_PRESETS

__all__ = ["CDAN", "DANN", "SourceOnly", "TargetOnly"]


class SourceOnly(Family):
    """The lower bound: trained on the source's labelled pictures, never shown the target."""

    name = "source-only"
    title = "Source only"
    task: ClassVar[Task] = "adaptation"
    TrainConfig = SupervisedConfig
    presets = SOURCE_ONLY_PRESETS

    def learner(self, config: SupervisedConfig, data: DataInfo, *, guide: nn.Module | None = None) -> SupervisedLearner:  # noqa: ARG002
        """Networks for pictures of at least 16×16. Raises `ConfigError` for smaller ones."""
        return SupervisedLearner(config, data)


class TargetOnly(SourceOnly):
    """The upper bound: the same network trained on the target's labelled pictures, which the others never see.

    ``oracle`` asks the core for batches whose labelled pictures are the target's own. No learner can ask for them.
    """

    name = "target-only"
    title = "Target only (oracle)"
    oracle: ClassVar[bool] = True
    presets = TARGET_ONLY_PRESETS


class DANN(Family):
    """Domain-adversarial neural network (Ganin et al., 2016)."""

    name = "dann"
    title = "DANN"
    task: ClassVar[Task] = "adaptation"
    TrainConfig = AdversarialConfig
    presets = DANN_PRESETS

    def remarks(self, config: AdversarialConfig) -> Sequence[str]:
        """That the target's information is trained for, which is not part of the method, where it is."""
        return _remarks(config)

    def learner(self, config: AdversarialConfig, data: DataInfo, *, guide: nn.Module | None = None) -> DANNLearner:  # noqa: ARG002
        """Networks for pictures of at least 16×16. Raises `ConfigError` for smaller ones."""
        return DANNLearner(config, data)


class CDAN(Family):
    """Conditional domain-adversarial network (Long et al., 2018)."""

    name = "cdan"
    title = "CDAN"
    task: ClassVar[Task] = "adaptation"
    TrainConfig = CDANConfig
    presets = CDAN_PRESETS

    def remarks(self, config: CDANConfig) -> Sequence[str]:
        """As `DANN.remarks`."""
        return _remarks(config)

    def learner(self, config: CDANConfig, data: DataInfo, *, guide: nn.Module | None = None) -> CDANLearner:  # noqa: ARG002
        """Networks for pictures of at least 16×16. Raises `ConfigError` for smaller ones."""
        return CDANLearner(config, data)


def _remarks(config: AdversarialConfig) -> Sequence[str]:
    weight = config.target_information
    return (
        [f"also raises the mutual information of its predictions on the target (weight {weight:g})"] if weight else []
    )
