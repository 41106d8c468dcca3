"""The family under test: builds learners for toy sets and trains them as a run would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from pydantic import BaseModel
from torch import Tensor

from genbench import plugins
from genbench.api import AdaptationLearner, Family, GenerativeLearner, Learner
from genbench.budgets import Budget
from genbench.checking.toys import ToyGuide, ToySet
from genbench.errors import ConfigError
from genbench.hashing import derive_seed
from genbench.planning import Resolved, resolve
from genbench.precision import Precision
from genbench.specs import RowSpec
from genbench.training import BatchSource, Training

RESOLUTIONS = (16, 28, 32, 64)
"""Tried in this order; a family may refuse some with `ConfigError`, but not all."""
BATCH_SIZE = 16
STEPS = 400
"""Length of the one training that the checks of quality share."""
SEED = derive_seed("genbench", "check")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class CutShort(Budget):
    """A budget that is interrupted at step ``stop``; progress, and so every schedule, is that of the whole budget."""

    stop: int = 0

    def spent(self, *, pictures: int, steps: int, seconds: float, flop: float) -> float:
        """As without the interruption until there."""
        share = super().spent(pictures=pictures, steps=steps, seconds=seconds, flop=flop)
        return 1.0 if steps >= self.stop else share


@dataclass(frozen=True)
class Held(Budget):
    """A budget during which progress, and so every schedule, stays where it is."""

    at: float = 0.0

    def spent(self, *, pictures: int, steps: int, seconds: float, flop: float) -> float:
        """``at``, until the budget is spent."""
        share = super().spent(pictures=pictures, steps=steps, seconds=seconds, flop=flop)
        return 1.0 if share >= 1 else self.at


class Subject:
    """A family with one of its presets.

    Args:
        name: as registered.
        preset: whose configuration is checked, with batches of at most `BATCH_SIZE`.

    Raises:
        PluginError: unknown family, or one that does not load.
    """

    def __init__(self, name: str, preset: str = "smoke") -> None:
        self.name = name
        self.preset = preset
        self.family: Family = plugins.family(name)

    @cached_property
    def toys(self) -> ToySet:
        """The toy set at the first of `RESOLUTIONS` that the family accepts.

        Raises:
            ConfigError: when it accepts none.
        """
        for resolution in RESOLUTIONS:
            toys = self.toy_set(resolution)
            try:
                self.learner(toys)
            except ConfigError as error:
                refusal = str(error)
            else:
                return toys
        raise ConfigError(f"every resolution of {RESOLUTIONS} is refused: {refusal}")

    def toy_set(self, resolution: int, channels: int = 1, *, exclusive: bool = True) -> ToySet:
        """A toy set for the family's task."""
        return ToySet(resolution, channels, exclusive=exclusive, adaptation=self.family.task == "adaptation")

    def resolved(self, toys: ToySet) -> Resolved:
        """The preset's configuration for a toy set, with small batches."""
        row = RowSpec(family=self.name, preset=self.preset)
        size = min(BATCH_SIZE, resolve(row, toys.info).train.batch_size)  # type: ignore[attr-defined]
        return resolve(row.model_copy(update={"train": {"batch_size": size}}), toys.info)

    def sample_config(self, toys: ToySet) -> BaseModel:
        """The preset's sampling configuration."""
        return self.resolved(toys).sample

    def learner(self, toys: ToySet, seed: int = SEED) -> Learner:
        """A fresh learner; `ConfigError` when the family refuses the data."""
        resolved = self.resolved(toys)
        guided = self.family.needs_guide(resolved.train) or self.family.needs_guide(resolved.sample)
        guide = ToyGuide(toys.info.resolution).eval() if guided else None
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(seed, "init"))
            return self.family.learner(resolved.train, toys.info, guide=guide)

    def batches(self, toys: ToySet, seed: int = SEED) -> BatchSource:
        """Training batches of the family's task."""
        size: int = self.resolved(toys).train.batch_size  # type: ignore[attr-defined]
        return toys.pairs(size, seed) if self.family.task == "adaptation" else toys.batches(size, seed)

    def training(
        self,
        toys: ToySet,
        budget: Budget,
        *,
        seed: int = SEED,
        checkpoint: Path | None = None,
        precision: Precision = "float32",
    ) -> Training:
        """The core's training of a fresh learner, not yet run."""
        return Training(
            self.learner(toys, seed),
            self.batches(toys, seed),
            batch_size=self.resolved(toys).train.batch_size,  # type: ignore[attr-defined]
            budget=budget,
            seed=seed,
            device=CPU,
            precision=precision,
            checkpoint=checkpoint,
        )

    @cached_property
    def trained(self) -> Training:
        """A training of `STEPS` steps on `toys`."""
        training = self.training(self.toys, Budget("steps", STEPS))
        training.run()
        return training

    def sample(self, training: Training, toys: ToySet, conditions: Tensor, seed: int = 0) -> Tensor:
        """What the learner samples, exactly as it returns it."""
        with generative(training) as learner:
            generator = torch.Generator().manual_seed(seed)
            return learner.sample(conditions, self.sample_config(toys), generator=generator)


@contextmanager
def generative(training: Training) -> Iterator[GenerativeLearner]:
    """The trained learner as it is sampled from."""
    with training.applied() as learner:
        assert isinstance(learner, GenerativeLearner)  # the check "state" has seen to it
        yield learner


@contextmanager
def adapting(training: Training) -> Iterator[AdaptationLearner]:
    """The trained learner as it classifies."""
    with training.applied() as learner:
        assert isinstance(learner, AdaptationLearner)
        yield learner
