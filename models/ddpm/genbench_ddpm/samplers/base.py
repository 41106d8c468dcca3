"""What a sampler is: a rule for one step back from timestep t to an earlier s."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import numpy as np
from torch import Tensor

from genbench_ddpm.prediction import Estimate
from genbench_ddpm.schedules import NoiseProcess

Spacing = Literal["leading", "trailing", "linspace"]

Noise = Callable[[], Tensor]
"""Draws fresh standard normal noise of the shape of x."""


class Sampler(ABC):
    """Walks from noise to a picture. Make a new one for every walk: a multistep sampler remembers earlier estimates.

    Args:
        process: gives ᾱ.
    """

    def __init__(self, process: NoiseProcess) -> None:
        self.process = process

    @abstractmethod
    def step(self, x: Tensor, estimate: Estimate, t: int, s: int, noise: Noise) -> Tensor:
        """Go from x_t to x_s.

        Args:
            x: x_t [N, C, H, W].
            estimate: the network's estimate of x₀ and ε from x_t.
            t: where we are, 0 … T-1.
            s: where to go, s < t; -1 is the clean picture.
            noise: for stochastic samplers.
        """


def timesteps(total: int, count: int, spacing: Spacing) -> list[int]:
    """Which ``count`` of the ``total`` training timesteps to visit, falling (Lin et al., 2024, table 2).

    ``leading`` ends at 0 but starts short of T-1, ``trailing`` starts at T-1 but ends above 0, ``linspace`` does both.
    Requires 1 ≤ count ≤ total.
    """
    if spacing == "leading":
        steps = np.arange(count, dtype=np.float64)[::-1] * (total // count)
    elif spacing == "trailing":
        steps = np.round(total - np.arange(count) * (total / count)) - 1
    else:
        steps = np.round(np.linspace(0, total - 1, count))[::-1]
    return [int(step) for step in steps]
