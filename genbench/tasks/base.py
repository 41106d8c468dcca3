"""What the runner needs to know of a task: its data, its batches, what is produced and how that is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import nn

from genbench import plugins
from genbench.api import DataInfo, Family, Learner, Task
from genbench.data import DataRequest
from genbench.data.loader import Augment
from genbench.errors import ConfigError
from genbench.observing import Observer
from genbench.selection import Criterion
from genbench.specs import DataSpec, RunSpec, Selection

if TYPE_CHECKING:
    from genbench.metrics.base import Value
    from genbench.planning import Plan
    from genbench.training import BatchSource


@runtime_checkable
class Draws(Protocol):
    """A task whose metrics have figures."""

    def draw(self, plan: Plan, folder: Path, target: Path) -> None:
        """Draw figures of what `OpenTask.produce` wrote into ``folder``, into the folder ``target``."""


def data_request(spec: DataSpec, *names: str) -> DataRequest:
    """What to ask the data sets of these names for.

    Raises:
        PluginError: an unknown data set.
        ConfigError: a folder for data that have no files.
    """
    builtin = [plugins.dataset(name).builtin for name in names]
    if spec.root is not None and all(builtin):
        raise ConfigError(
            f"data {spec.name!r} is built in and reads no files: leave the folder {spec.root} (--data-root) out"
        )
    return DataRequest(resolution=spec.resolution, root=spec.root, download=spec.download)


class OpenTask(Protocol):
    """A task on opened data.

    Attributes:
        task: its name.
        info, identity: of the data.
        selections: how weights can be chosen.
    """

    task: Task
    selections: tuple[Selection, ...]
    info: DataInfo
    identity: str

    def batches(self, *, batch_size: int, seed: int, device: torch.device, augment: Augment) -> BatchSource:
        """Training batches."""

    def criteria(self, plan: Plan) -> Sequence[Criterion]:
        """The scores by which training keeps its best weights: the cheap ones, and the one that was asked for."""

    def looks_at_samples(self, family: Family) -> bool:
        """Whether training scores samples as it goes; see `Family.samples_quickly`."""

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
