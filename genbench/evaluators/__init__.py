"""Evaluators: frozen classifiers that score pictures. Part of the benchmark, versioned and hashed.

Each data set has two of different architecture and seed: families may train on the *guide*; the *referee*, which no
family ever sees, scores.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from genbench.data.base import ImageData
from genbench.evaluators.evaluator import Evaluator, Floats
from genbench.evaluators.lab import check_use, load_lab
from genbench.evaluators.store import obtain
from genbench.evaluators.training import Progress

__all__ = ["Evaluator", "Evaluators"]


class Evaluators:
    """The evaluators of a data set, loaded (or trained and cached) when first asked for.

    Args:
        data: what they classify.
        device: where they compute, and are trained if need be.
        lab_checkpoint: the lab's ResNet-18 ``checkpoint.pth``, for i-CLEVR at 64 pixels.
        progress: called as ``progress(role, step, steps)`` while one is trained.

    Raises:
        ConfigError: when ``lab_checkpoint`` is given for data that it cannot score.
    """

    def __init__(
        self,
        data: ImageData,
        *,
        device: torch.device,
        lab_checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        if lab_checkpoint is not None:
            check_use(data.info, lab_checkpoint)
        self.data, self.device = data, device
        self._lab_checkpoint, self._progress = lab_checkpoint, progress
        self._held_out: dict[str, Floats] = {}

    @cached_property
    def guide(self) -> Evaluator:
        """The classifier that families may train on or be guided by."""
        return obtain(self.data, "guide", self.device, self._progress)

    @cached_property
    def referee(self) -> Evaluator:
        """The classifier that no family sees; it scores by default."""
        return obtain(self.data, "referee", self.device, self._progress)

    @cached_property
    def extra(self) -> list[Evaluator]:
        """Further frozen classifiers that score beside the referee: the lab's ResNet-18 when its file is given.

        Raises:
            DataError: when that file is missing, damaged or anything but a ResNet-18's tensors.
        """
        return [] if self._lab_checkpoint is None else [load_lab(self._lab_checkpoint, self.device)]

    def guide_hash(self) -> str:
        """The guide's weights by hash, ``"sha256:…"``; trains it if it is not there yet."""
        return self.guide.weights

    def referee_hash(self) -> str:
        """The referee's weights by hash, ``"sha256:…"``; trains it if it is not there yet."""
        return self.referee.weights

    def held_out_logits(self, evaluator: Evaluator) -> Floats:
        """One evaluator's logits float32 [N, K] on the real test split, computed once: for ceilings."""
        if evaluator.weights not in self._held_out:
            self._held_out[evaluator.weights] = evaluator.logits(self.data.splits["test"].images)
        return self._held_out[evaluator.weights]
