"""What a family draws of a trained model: pictures with their labels. The core turns them into files.

A `Figure` is found in `Family.figures` under the name that users type after ``genbench figure RUN``. It is handed the
trained learner and a `FigureContext` (data, conditions, start noises, seeds) and answers with `Sheet`\\ s, which become
PNG and PDF, and `Film`\\ s, which become GIF and WebP.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from genbench.errors import DataError
from genbench.hashing import derive_seed

if TYPE_CHECKING:
    from genbench.api import DataInfo


@dataclass(frozen=True)
class Strip:
    """A row of pictures.

    Attributes:
        label: stands at its left.
        images: [M, C, H, W] in [-1, 1]; what lies outside is clipped.
        captions: one below each picture, or none.
    """

    label: str
    images: Tensor
    captions: Sequence[str] = ()


@dataclass(frozen=True)
class Sheet:
    """A table of pictures, all of one size.

    Attributes:
        name: of the files, without an ending.
        strips: its rows, of equal length.
        heads: one above each column, or none.
    """

    name: str
    strips: Sequence[Strip]
    heads: Sequence[str] = ()


@dataclass(frozen=True)
class Film:
    """Pictures that change together.

    Attributes:
        name: of the files, without an ending.
        frames: one after the other, each [N, C, H, W] in [-1, 1].
        captions: one below each frame.
        heads: one above each of the N pictures, or none.
        hold: seconds that the last frame stays before the film begins again.
    """

    name: str
    frames: Sequence[Tensor]
    captions: Sequence[str]
    heads: Sequence[str] = ()
    hold: float = 2.0


@dataclass(frozen=True)
class Conditions:
    """Conditions [R, K] in {0, 1} with their names."""

    labels: tuple[str, ...]
    rows: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Conditions:
        """The first ``count`` of them."""
        return Conditions(self.labels[:count], self.rows[:count])


class FigureOptions(BaseModel):
    """Base of a figure's options: immutable, unknown keys are errors. A figure without options uses it as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


@dataclass
class FigureContext:
    """What a figure is drawn from, beside the learner.

    Attributes:
        data: the data's description.
        sample: the run's sampling configuration, with the changes that were asked for.
        seed: everything random about the figure is derived from it.
        device: where the learner's networks are.
        real: held-out pictures [M, C, H, W] in [-1, 1], classes in turn.
        real_conditions: theirs.
        all_conditions: every class once, or sets of objects spread over the held-out ones.
        asked: the conditions that the user named, or None.
        given_noise: start noises from a file and that file's name, or None.
        used_noise: the start noises that were used, once `noise` was called.
    """

    data: DataInfo
    sample: Any
    seed: int
    device: torch.device
    real: Tensor
    real_conditions: Conditions
    all_conditions: Conditions
    asked: Conditions | None = None
    given_noise: tuple[str, Tensor] | None = None
    used_noise: Tensor | None = field(default=None, init=False)

    def conditions(self, default: int) -> Conditions:
        """The conditions that were asked for, or the first ``default`` ones."""
        return self.all_conditions.first(default) if self.asked is None else self.asked

    def generator(self) -> torch.Generator:
        """A fresh source of randomness on the CPU: the same stream at every call."""
        return self._stream("steps")

    def noise(self, count: int, *shape: int) -> Tensor:
        """Start noises [count, *shape]: those of the user's file, or drawn from the seed.

        Raises:
            DataError: when the file has fewer, or of another shape.
        """
        if self.given_noise is None:
            # each noise has a generator of its own, so that asking for more of them leaves the first as they were
            self.used_noise = torch.stack([torch.randn(shape, generator=self._stream(i)) for i in range(count)])
        else:
            name, given = self.given_noise
            if given.shape[1:] != torch.Size(shape) or len(given) < count:
                raise DataError(
                    f"{name}: holds {len(given)} start noises of shape {list(given.shape[1:])}, "
                    f"but {count} of shape {list(shape)} are needed"
                )
            self.used_noise = given[:count]
        return self.used_noise.to(self.device)

    def _stream(self, part: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed("figure", self.seed, part))


class Figure(ABC):
    """A figure of one trained model.

    Attributes:
        description: one line for ``genbench figure RUN``.
        Options: what ``--set`` may change.
        starts_from_noise: whether `draw` calls `FigureContext.noise`, so that noises can be loaded and saved.
        takes_conditions: whether `draw` calls `FigureContext.conditions`, so that conditions can be named.
    """

    description: ClassVar[str]
    Options: ClassVar[type[FigureOptions]] = FigureOptions
    starts_from_noise: ClassVar[bool] = False
    takes_conditions: ClassVar[bool] = False

    @abstractmethod
    def draw(self, learner: Any, context: FigureContext, options: Any) -> Sequence[Sheet | Film]:
        """Make the pictures, with averaged weights in place, in eval mode, under ``no_grad``.

        Args:
            learner: the family's trained learner.
            context: data, conditions, noises.
            options: an instance of `Options`.

        Raises:
            ConfigError: when options do not fit the model or the data, saying which and what would fit.
        """


Figures = Mapping[str, Figure]
