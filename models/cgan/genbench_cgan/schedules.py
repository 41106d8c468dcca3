"""Schedules of λ, the weight of the classifier term in the generator's loss: one small class each.

Most are functions of training progress p in [0, 1). `Adaptive` looks at the gradients instead, so every schedule is
called with both: ``schedule(progress, adversarial, classifier)``, where the last two are the gradients of the two terms
at the generator's output.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from genbench.api import Config

__all__ = ["Adaptive", "Constant", "Cosine", "Exponential", "LambdaSchedule", "Linear", "Schedule", "Step"]

Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Schedule(Config, ABC):
    """How λ is set at every step."""

    @abstractmethod
    def __call__(self, progress: float, adversarial: Tensor, classifier: Tensor) -> float | Tensor:
        """λ at ``progress`` in [0, 1), given both terms' gradients at the generator's output, [N, C, H, W] each."""


class Constant(Schedule):
    """λ = value."""

    kind: Literal["constant"] = "constant"
    value: Weight = Field(0.2, description="λ")

    def __call__(self, progress: float, adversarial: Tensor, classifier: Tensor) -> float:  # noqa: ARG002
        """The same at every step."""
        return self.value


class _Ramp(Schedule):
    """From one value to another: ``initial`` until ``begin``, ``final`` from ``end`` on, `curve` in between."""

    initial: Weight = Field(0.2, description="λ until begin")
    final: Weight = Field(0.5, description="λ from end on")
    begin: Share = Field(0.0, description="share of training at which λ starts to move")
    end: Share = Field(1.0, description="share of training at which λ has arrived")

    @model_validator(mode="after")
    def _ordered(self) -> _Ramp:
        if self.begin >= self.end:
            raise ValueError(f"begin = {self.begin:g} must be less than end = {self.end:g}")
        return self

    @abstractmethod
    def curve(self, u: float) -> float:
        """The value at ``u`` in [0, 1], with ``curve(0) = initial`` and ``curve(1) = final``."""

    def __call__(self, progress: float, adversarial: Tensor, classifier: Tensor) -> float:  # noqa: ARG002
        """The curve at the share of the way from begin to end."""
        u = (progress - self.begin) / (self.end - self.begin)
        return self.curve(min(max(u, 0.0), 1.0))


class Linear(_Ramp):
    """λ = initial + u·(final - initial); with 0.2 → 0.5 over all of training, recipe D2's rising schedule."""

    kind: Literal["linear"] = "linear"

    def curve(self, u: float) -> float:
        """A straight line."""
        return (1 - u) * self.initial + u * self.final


class Cosine(_Ramp):
    """λ = final + (initial - final)·(1 + cos πu)/2: flat at both ends."""

    kind: Literal["cosine"] = "cosine"

    def curve(self, u: float) -> float:
        """Half a period of the cosine."""
        share = (1 - math.cos(math.pi * u)) / 2
        return (1 - share) * self.initial + share * self.final


class Exponential(_Ramp):
    """λ = initial^(1-u) · final^u: the same factor for the same share of training. Both ends must be positive."""

    kind: Literal["exponential"] = "exponential"
    initial: Annotated[float, Field(gt=0)] = Field(0.05, description="λ until begin")
    final: Annotated[float, Field(gt=0)] = Field(0.5, description="λ from end on")

    def curve(self, u: float) -> float:
        """A straight line for log λ."""
        return float(self.initial ** (1 - u) * self.final**u)


class Step(Schedule):
    """λ = initial · factor^(number of milestones passed)."""

    kind: Literal["step"] = "step"
    initial: Weight = Field(0.2, description="λ before the first milestone")
    factor: Weight = Field(2.0, description="what λ is multiplied by at each milestone")
    milestones: tuple[Share, ...] = Field((0.5,), description="shares of training, in any order")

    def __call__(self, progress: float, adversarial: Tensor, classifier: Tensor) -> float:  # noqa: ARG002
        """Multiplied once for each milestone passed."""
        return self.initial * self.factor ** sum(progress >= milestone for milestone in self.milestones)


class Adaptive(Schedule):
    """λ = ratio · ‖∂adversarial/∂x‖ / ‖∂classifier/∂x‖ at the generator's output x, at most ``maximum``.

    So the classifier term pulls at the pictures ``ratio`` times as hard as the adversarial one, however the two losses
    are scaled and whichever of them saturates (the idea is that of the adaptive weight in Esser et al. 2021, eq. 7,
    there at the decoder's last layer).
    """

    kind: Literal["adaptive"] = "adaptive"
    ratio: Weight = Field(0.5, description="classifier gradient's norm over the adversarial one's")
    maximum: Weight = Field(10.0, description="upper limit of λ")

    def __call__(self, progress: float, adversarial: Tensor, classifier: Tensor) -> Tensor:  # noqa: ARG002
        """From the gradients' norms over the whole batch; 0 where both vanish."""
        smallest = torch.finfo(classifier.dtype).tiny
        pull, push = (torch.linalg.vector_norm(gradient) for gradient in (adversarial, classifier))
        weight: Tensor = self.ratio * pull / push.clamp_min(smallest)
        return weight.clamp_max(self.maximum)


def _number_is_constant(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"kind": "constant", "value": value} if number else value


LambdaSchedule = Annotated[
    Annotated[Constant | Linear | Cosine | Exponential | Step | Adaptive, Field(discriminator="kind")],
    BeforeValidator(_number_is_constant),
]
"""A schedule as users write it: a number, or a table such as ``{kind = "linear", initial = 0.2, final = 0.5}``."""
