"""What the runner needs to know of a task: its data, its batches, what is produced and how that is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from genbench.api import DataInfo, Learner, Task
from genbench.data.loader import Augment
from genbench.observing import Observer
from genbench.specs import RunSpec

if TYPE_CHECKING:
    from genbench.metrics.base import Value
    from genbench.planning import Plan
    from genbench.training import BatchSource


class OpenTask(Protocol):
    """A task on opened data."""

    task: Task
    info: DataInfo
    identity: str

    def batches(self, *, batch_size: int, seed: int, device: torch.device, augment: Augment) -> BatchSource:
        """Training batches."""

    def oracle(self) -> OpenTask:
        """The same task with the target's labels in the training batches, for upper bounds."""

    def guide_hash(self) -> str:
        """The guide's identity, for stage hashes."""

    def guide(self, device: torch.device) -> nn.Module:
        """The frozen guide as a module from pictures to logits."""

    def sample_identity(self, spec: RunSpec) -> Mapping[str, Any]:
        """What of the specification, beside family and seed, decides what is produced."""

    def measure_identity(self, spec: RunSpec) -> Mapping[str, Any]:
        """What decides the values measured on it: metrics, their versions, evaluators."""

    def produce(self, learner: Learner, plan: Plan, folder: Path, observer: Observer) -> Mapping[str, float]:
        """The sample stage: write what the trained learner makes into ``folder``; return its costs."""

    def measure(self, plan: Plan, folder: Path, observer: Observer) -> Sequence[Value]:
        """The evaluate stage: score what `produce` wrote."""

    def sheet(self, rows: Sequence[tuple[str, Path]], target: Path, *, title: str) -> Path | None:
        """Draw what `produce` wrote into some (label, folder)s, side by side; None if there is nothing to show."""
