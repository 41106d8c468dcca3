"""Noise schedules: how fast a picture turns into noise. One small class a schedule, then what follows from its β.

The forward process adds Gaussian noise in T steps (Ho et al., 2020, eq. 2 and 4)::

    q(x_t | x_{t-1}) = N(√(1-β_t)·x_{t-1}, β_t·I)
    q(x_t | x_0)     = N(√ᾱ_t·x_0, (1-ᾱ_t)·I)        ᾱ_t = ∏_{s≤t} (1-β_s)

Timesteps are numbered 0 … T-1 here, as in diffusers; -1 stands for the clean picture, ᾱ_{-1} = 1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from genbench.api import ConfigError

ScheduleName = Literal["linear", "scaled-linear", "squared-cosine", "sigmoid"]


class Schedule(ABC):
    """A rule for the noise variances β."""

    @abstractmethod
    def betas(self, steps: int) -> Tensor:
        """The variances β_0 … β_{T-1} for T = ``steps``, float64, each in (0, 1)."""


@dataclass(frozen=True)
class Linear(Schedule):
    """β rises linearly (Ho et al., 2020, section 4)."""

    start: float = 1e-4
    end: float = 0.02

    def betas(self, steps: int) -> Tensor:
        """β_t = start + (end - start)·t/(T-1)."""
        return torch.linspace(self.start, self.end, steps, dtype=torch.float64)


@dataclass(frozen=True)
class ScaledLinear(Schedule):
    """√β rises linearly (Rombach et al., 2022, as released)."""

    start: float = 1e-4
    end: float = 0.02

    def betas(self, steps: int) -> Tensor:
        """β_t = (√start + (√end - √start)·t/(T-1))²."""
        return torch.linspace(self.start**0.5, self.end**0.5, steps, dtype=torch.float64).square()


@dataclass(frozen=True)
class SquaredCosine(Schedule):
    """ᾱ falls like a squared cosine, β capped at ``cap`` (Nichol & Dhariwal, 2021, eq. 17)."""

    offset: float = 0.008
    cap: float = 0.999

    def betas(self, steps: int) -> Tensor:
        """β_t = 1 - f(t+1)/f(t), f(t) = cos²(π/2·(t/T + offset)/(1 + offset))."""
        time = torch.arange(steps + 1, dtype=torch.float64) / steps
        alpha_bar = torch.cos((time + self.offset) / (1 + self.offset) * math.pi / 2).square()
        return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=self.cap)


@dataclass(frozen=True)
class Sigmoid(Schedule):
    """β rises along a logistic curve between -6 and 6 (Xu et al., 2022, GeoDiff)."""

    start: float = 1e-4
    end: float = 0.02

    def betas(self, steps: int) -> Tensor:
        """β_t = start + (end - start)·sigmoid(-6 + 12·t/(T-1))."""
        curve = torch.sigmoid(torch.linspace(-6, 6, steps, dtype=torch.float64))
        return self.start + (self.end - self.start) * curve


SCHEDULES: dict[ScheduleName, Callable[[float, float], Schedule]] = {
    "linear": Linear,
    "scaled-linear": ScaledLinear,
    "squared-cosine": lambda start, end: SquaredCosine(),  # noqa: ARG005 - its β follow from the cosine alone
    "sigmoid": Sigmoid,
}


def rescale_to_zero_terminal_snr(betas: Tensor) -> Tensor:
    """Shift and scale √ᾱ so that the last step is pure noise and the first keeps its place.

    Args:
        betas: [T] in (0, 1).

    Returns:
        [T]; the last is exactly 1 (Lin et al., 2024, algorithm 1).
    """
    root = (1 - betas).cumprod(0).sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = root.square()
    return 1 - torch.cat([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])


@dataclass(frozen=True)
class NoiseProcess:
    """The forward process q(x_t | x_0) of a schedule over T steps.

    Attributes:
        alpha_bars: ᾱ_0 … ᾱ_{T-1}, falling; float64 [T], because samplers need 1 - ᾱ_t/ᾱ_s, of which float32 leaves
            three digits.
    """

    alpha_bars: Tensor

    @classmethod
    def build(
        cls,
        schedule: ScheduleName,
        steps: int,
        *,
        beta_start: float = 1e-4,
        beta_end: float = 0.02,
        zero_terminal_snr: bool = False,
    ) -> NoiseProcess:
        """The process of the named schedule.

        Raises:
            ConfigError: when the variances leave (0, 1), or ᾱ vanishes before the last step.
        """
        betas = SCHEDULES[schedule](beta_start, beta_end).betas(steps)
        if not (betas > 0).all() or not (betas < 1).all():
            raise ConfigError(
                f"schedule {schedule!r} with beta_start {beta_start} and beta_end {beta_end} leaves (0, 1): "
                "use 0 < beta_start, beta_end < 1"
            )
        alpha_bars = (1 - betas).cumprod(0)
        if alpha_bars[-1] < torch.finfo(alpha_bars.dtype).tiny:
            raise ConfigError(
                f"schedule {schedule!r} with {steps} timesteps and beta_end {beta_end} leaves no signal that a number "
                "could hold: use fewer timesteps, or a smaller beta_end"
            )
        if zero_terminal_snr:
            alpha_bars = (1 - rescale_to_zero_terminal_snr(betas)).cumprod(0)
        return cls(alpha_bars)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.alpha_bars)

    def to(self, device: torch.device) -> NoiseProcess:
        """The same process with its table on a device."""
        return self if self.alpha_bars.device == device else NoiseProcess(self.alpha_bars.to(device))

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t of one timestep; 1 for t < 0, the clean picture."""
        return float(self.alpha_bars[t]) if t >= 0 else 1.0

    def signal_and_noise(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """√ᾱ_t and √(1-ᾱ_t) for timesteps int64 [N], each float32 [N, 1, 1, 1] to multiply pictures with."""
        alpha_bar = self.alpha_bars[t].view(-1, 1, 1, 1)
        return alpha_bar.sqrt().float(), (1 - alpha_bar).sqrt().float()
