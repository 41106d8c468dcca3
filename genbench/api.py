"""What the author of a model family imports: one page, and nothing else of genbench is needed.

A **family** (`Family`) is a kind of model that can be plugged in. It brings

* two configurations: `TrainConfig`, everything that influences training, and `SampleConfig`, everything that
  influences only sampling;
* named presets (`Preset`) of both;
* a **learner** (`GenerativeLearner` or `AdaptationLearner`): the networks, one optimisation step, and how to sample
  or classify with the result.

The core owns everything else: the loop, budgets, clocks, randomness, precision, devices, weight averaging,
checkpoints, logging and scoring. Three promises make that possible.

1. *Randomness.* Before every `Learner.step` the core seeds torch's global generators from (run seed, step), so a
   learner draws with plain ``torch.randn_like(x)`` and a resumed run repeats an uninterrupted one bit for bit.
   `GenerativeLearner.sample` draws from the generator that it is handed, which lives on the CPU, so that a seed gives
   the same start noise on every device; `randn` does that.
2. *State.* Whatever training changes is in `Learner.networks` and `Learner.optimizers`, or comes out of
   `Learner.extra_state`. The core moves, casts, saves and restores these. Call networks as ``network(x)``, not through
   other methods: the core wraps ``forward`` to set precision, and outputs come back as float32.
3. *Data.* Pictures are float32 in [-1, 1], shape [N, C, H, W]. Conditions are float32 in {0, 1}, shape [N, K]: one-hot
   for class labels, multi-hot for sets of objects, all zeros for "no condition".

Register a family lazily in the distribution's ``pyproject.toml``::

    [project.entry-points."genbench.families"]
    my-family = "my_package:MyFamily"

and hold it to this contract with ``genbench check my-family``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.errors import ConfigError, DataError, Diverged, GenbenchError
from genbench.figuring import Conditions, Figure, FigureContext, FigureOptions, Film, Sheet, Strip

__all__ = [
    "AdaptationBatch",
    "AdaptationLearner",
    "Averaging",
    "Batch",
    "Conditions",
    "Config",
    "ConfigError",
    "DataError",
    "DataInfo",
    "Diverged",
    "Family",
    "Figure",
    "FigureContext",
    "FigureOptions",
    "Film",
    "GenbenchError",
    "GenerativeLearner",
    "Learner",
    "Preset",
    "Reference",
    "SampleConfig",
    "Sheet",
    "Strip",
    "Task",
    "TrainConfig",
    "condition_loss",
    "randn",
]

Task = Literal["generation", "adaptation"]
"""What a family does, and so what it can be compared on."""

Layout = Callable[[Any, Any, "DataInfo", Path], None]
"""Writes a learner, for sampling with this `SampleConfig`, for data as described, into a folder."""


# ---------------------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True)
class DataInfo:
    """What a family may know about the data before it sees any.

    Attributes:
        name: the data set's name, e.g. ``"digits"``, or ``"source:target"`` for adaptation.
        resolution: height and width of the square pictures, in pixels.
        channels: 1 (grey) or 3 (RGB).
        conditions: names of the K classes or objects, in index order.
        exclusive: True when every picture has exactly one of them (class labels), False for sets.
        train_size: number of training pictures.
        std: standard deviation of the training pictures' pixels, where they are in [-1, 1]: what a family may scale by.
    """

    name: str
    resolution: int
    channels: int
    conditions: tuple[str, ...]
    exclusive: bool
    train_size: int
    std: float = 0.5


@dataclass(frozen=True)
class Batch:
    """A training batch for generation: ``images`` [N, C, H, W] in [-1, 1], ``conditions`` [N, K] in {0, 1}."""

    images: Tensor
    conditions: Tensor


@dataclass(frozen=True)
class AdaptationBatch:
    """A training batch for adaptation. There is no field for target labels: training cannot peek.

    ``source_images`` and ``target_images`` are [N, C, H, W] in [-1, 1]; ``source_labels`` is int64 [N].
    """

    source_images: Tensor
    source_labels: Tensor
    target_images: Tensor


# ------------------------------------------------------------------------------------------------------- configuration


class Config(BaseModel):
    """Base of all configurations: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class TrainConfig(Config):
    """Everything of a family that influences training. Subclass it and add fields; each is part of the stage hash."""

    batch_size: int = Field(128, ge=1, le=65_536, description="pictures a step")


class SampleConfig(Config):
    """Everything of a family that influences sampling but not training."""

    batch_size: int = Field(256, ge=1, le=65_536, description="pictures sampled at once")


@dataclass(frozen=True)
class Reference:
    """A published number: ``metric`` as genbench names it, its ``value``, the ``dataset``, and where it was printed."""

    metric: str
    value: float
    dataset: str
    source: str


@dataclass(frozen=True)
class Preset:
    """A named, complete configuration of a family.

    Attributes:
        description: one line for ``genbench ls presets``.
        budget: when training stops, e.g. ``"200kimg"``, ``"5000steps"``, ``"120s"``, ``"2e14flop"``, ``"20epochs"``.
        train: values for the family's `TrainConfig`; what is absent keeps its default.
        sample: values for its `SampleConfig`.
        at: changes by resolution: of the entries whose key is at most the data's resolution, the largest applies.
            An entry may have the keys ``budget``, ``train`` and ``sample``.
        dataset: the data set that a published recipe was made for, used when none is asked for.
        resolution: and its resolution.
        references: published numbers that this recipe should reproduce.
    """

    description: str
    budget: str
    train: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)
    at: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    dataset: str | None = None
    resolution: int | None = None
    references: tuple[Reference, ...] = ()


# ------------------------------------------------------------------------------------------------------------ learners


@dataclass(frozen=True)
class Averaging:
    """An exponential moving average of weights, kept by the core and used for sampling in place of the raw weights.

    The decay at step t is ``min(decay, (1 + t) / (warmup + t))``: with a high `decay` and a short budget, the average
    spans about the last ``1 / warmup`` of training whatever its length.

    Attributes:
        networks: names in `Learner.networks` to average.
        decay: upper limit of the decay, in [0, 1).
        warmup: at least 1; a larger value forgets the beginning sooner.
    """

    networks: tuple[str, ...]
    decay: float = 0.9999
    warmup: float = 10.0


class Learner(ABC):
    """Networks, how one step trains them, and what else must be remembered.

    Build everything on the CPU in ``__init__``; the core moves `networks` to the device and picks the memory format.
    Tensors that the mathematics needs (noise schedules, …) belong into a module as buffers, or follow
    ``batch.images.device``.

    Attributes:
        networks: every module with state, by name (no slashes). Parameters of all of them are counted and saved.
        optimizers: every optimiser, by name, over parameters of `networks`.
        averaging: which networks the core averages, or None.
        monitor: the entry of `step`'s result that training lowers (``genbench check`` looks whether it falls), or None
            when no loss of the family has to fall.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    averaging: Averaging | None = None
    monitor: str | None = "loss"

    @abstractmethod
    def step(self, batch: Any, progress: float) -> Mapping[str, Tensor | float]:
        """Do one optimisation step (a GAN's two, DANN's three groups) and return scalars to log.

        Args:
            batch: a `Batch` or, for adaptation, an `AdaptationBatch`, on the learner's device.
            progress: the share of the budget already spent, in [0, 1), for schedules.

        Returns:
            Detached 0-dimensional tensors, or floats, by name. Don't call ``.item()``: it stalls a GPU.

        Raises:
            Diverged: when going on makes no sense, with the reason. (Non-finite values are noticed by the core.)
        """

    def extra_state(self) -> dict[str, Tensor]:
        """Tensors that training changes outside networks and optimisers, e.g. a running statistic. Default: none."""
        return {}

    def load_extra_state(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 - most learners have none
        """Take back what `extra_state` gave."""

    def scored(self, scores: Mapping[str, float], progress: float) -> None:  # noqa: B027 - most learners don't mind
        """Hear the scores on validation pictures that were just taken, ten times a training.

        Args:
            scores: those that are finite, by the names of their curves, e.g. ``"validation/loss"``.
            progress: share of the budget that is spent; 1 the last time.

        Raises:
            Diverged: when they say that going on makes no sense.
        """


class GenerativeLearner(Learner):
    """A learner for task ``generation``.

    Attributes:
        noise_shape: shape of one picture's start noise, when `sample_from` can be handed it; else None.
    """

    noise_shape: tuple[int, ...] | None = None

    def validate(self, batch: Batch) -> Tensor | None:  # noqa: ARG002
        """The loss on validation pictures, for choosing among the weights that training passes through.

        Called now and then during training, with the averaged weights in place, in eval mode, under ``no_grad``, and
        with torch's global generators seeded alike every time. It must leave the learner's state as it is.

        Returns:
            A 0-dimensional tensor, the mean over the batch's pictures, lower is better; None (the default) when the
            family has no loss that says how good its pictures are.
        """
        return None

    @abstractmethod
    def sample(self, conditions: Tensor, config: Any, *, generator: torch.Generator) -> Tensor:
        """Draw one picture for each condition, with the averaged weights in place, in eval mode, under ``no_grad``.

        Args:
            conditions: [N, K] in {0, 1}, on the learner's device.
            config: the family's `SampleConfig`.
            generator: the only source of randomness; on the CPU.

        Returns:
            [N, C, H, W] float32; the core clips to [-1, 1].
        """

    def sample_from(
        self,
        start: Tensor,  # noqa: ARG002
        conditions: Tensor,  # noqa: ARG002
        config: Any,  # noqa: ARG002
        *,
        generator: torch.Generator,  # noqa: ARG002
    ) -> Tensor:
        """As `sample`, from start noises [N, *noise_shape] in place of the generator's first draw.

        Raises:
            ConfigError: when the family cannot (the default).
        """
        raise ConfigError("this family cannot start from noise that it is handed: leave --noise and --save-noise out")


class AdaptationLearner(Learner):
    """A learner for task ``adaptation``."""

    @abstractmethod
    def classify(self, images: Tensor) -> Tensor:
        """Class scores (logits), [N, K] float32, of images [N, C, H, W] in [-1, 1]; networks are in eval mode."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The features that are adapted, [N, D] float32, of the same images; networks are in eval mode."""


# -------------------------------------------------------------------------------------------------------------- family


class Family(ABC):
    """A kind of model. Instances carry no state; the class attributes describe the family.

    Attributes:
        name: what users type.
        title: what tables print.
        task: ``"generation"`` or ``"adaptation"``.
        version: raised when the same configuration would give other numbers than before; part of the stage hash, so
            that results of older code are not reused.
        trains_as: the name under which training results are kept. A family that only samples differently from another
            names that one here, and comparing both trains once.
        samples_quickly: for generation, whether a picture takes about one pass of a network. Then some are drawn ten
            times during training, and the guide says how they are: ``validation/fid``, by which the best weights are
            chosen in place of `GenerativeLearner.validate`, ``validation/diversity`` and ``validation/accuracy_guide``.
        oracle: for adaptation, whether the family is trained on the target's own labels, as an upper bound.
        TrainConfig, SampleConfig: the configuration models.
        presets: at least ``"smoke"`` (seconds), ``"quick"`` (minutes on two CPU cores) and ``"standard"`` (under an
            hour on one GPU).
        figures: what ``genbench figure`` can draw of a trained model, by name.
        layouts: how ``genbench export`` can write a trained model (averaged weights in place), by name.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[Task]
    version: ClassVar[int] = 1
    trains_as: ClassVar[str | None] = None
    samples_quickly: ClassVar[bool] = False
    oracle: ClassVar[bool] = False
    TrainConfig: ClassVar[type[TrainConfig]]
    SampleConfig: ClassVar[type[SampleConfig]] = SampleConfig
    presets: ClassVar[Mapping[str, Preset]]
    figures: ClassVar[Mapping[str, Figure]] = {}
    layouts: ClassVar[Mapping[str, Layout]] = {}

    def needs_guide(self, config: Any) -> bool:  # noqa: ARG002
        """Whether training with this `TrainConfig`, or sampling with this `SampleConfig`, uses the guide classifier.

        Its hash then becomes part of the stage's, and `learner` is given it.
        """
        return False

    def check(self, train: Any, sample: Any) -> None:  # noqa: B027 - most families sample in any way that they know
        """Refuse, before anything is trained, a `SampleConfig` that models of this `TrainConfig` cannot be sampled by.

        Raises:
            ConfigError: naming the keys that contradict each other.
        """

    def remarks(self, config: Any) -> Sequence[str]:  # noqa: ARG002
        """What a reader of a table must know of a row trained with this `TrainConfig`, each a few words; often nothing.

        For what the family's name does not promise, such as a loss that the method's authors do not have.
        """
        return ()

    @abstractmethod
    def learner(self, config: Any, data: DataInfo, *, guide: nn.Module | None = None) -> Learner:
        """Build a fresh learner, on the CPU; torch's global generator is already seeded.

        Args:
            config: an instance of this family's `TrainConfig`.
            data: the data's description.
            guide: if `needs_guide` says so, the frozen *guide*: maps pictures [N, C, H, W] in [-1, 1] to logits [N, K]
                and is differentiable in the pictures. (The *referee*, which scores, is never shown to a family.)

        Raises:
            ConfigError: when the configuration does not fit the data, saying which key and what would fit.
        """


# ------------------------------------------------------------------------------------------------------------- helpers


def condition_loss(logits: Tensor, conditions: Tensor, *, exclusive: bool) -> Tensor:
    """The classification loss that fits the conditions: cross-entropy for class labels, binary cross-entropy for sets.

    Args:
        logits: [N, K].
        conditions: [N, K] in {0, 1}.
        exclusive: `DataInfo.exclusive`.

    Returns:
        The mean over pictures (and, for sets, over the K objects), a 0-dimensional tensor.
    """
    if exclusive:
        return F.cross_entropy(logits, conditions.argmax(dim=1))
    return F.binary_cross_entropy_with_logits(logits, conditions)


def randn(*shape: int, generator: torch.Generator, device: torch.device | str) -> Tensor:
    """Standard normal noise that a seed makes the same on every device: drawn on the CPU, then moved."""
    return torch.randn(*shape, generator=generator).to(device)
