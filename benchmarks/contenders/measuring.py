"""What trainings have in common, ours and the peers': this file needs torch and NumPy alone.

Every contender is told its work as JSON in its only argument, and prints JSON as its last line.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

LEVELS = torch.linspace(0.02, 0.98, 16)
"""Shares of signal ᾱ at which held-out pictures are looked at: the same for every noise schedule."""

PARTS = {
    "convolution": ("conv",),
    "norm": ("norm",),
    "attention, linear": ("attention", "mm", "softmax", "matmul"),
    "optimiser": ("adam", "foreach", "optimizer"),
    "copies": ("copy", "cat", "clone", "contiguous", "memcpy"),
    "activation": ("silu", "relu", "gelu"),
}
"""Kinds of operations, by parts of their names; the first that fits."""


def work() -> dict[str, Any]:
    """What the command line asks for."""
    return json.loads(sys.argv[1])  # type: ignore[no-any-return]


def answer(**result: Any) -> None:
    """Print the result, and nothing after it."""
    print(json.dumps(result), flush=True)


def pictures(path: str) -> Tensor:
    """A file of pictures uint8 [N, H, W, C] as float32 [N, C, H, W] in [-1, 1]."""
    return torch.from_numpy(np.load(Path(path))).permute(0, 3, 1, 2).contiguous().float().div(127.5).sub(1)


class StepClock:
    """Seconds of the steps after the warm-up, without the looks at held-out pictures between them.

    Args:
        warmup: steps that do not count.
        steps: all steps.
        looks: how many times to look, evenly spaced, the last time after all steps.
        look: what is looked at, e.g. the held-out loss.
        device: waited for at every reading.

    Attributes:
        curve: what the looks saw, by step.
    """

    def __init__(self, warmup: int, steps: int, looks: int, look: Callable[[], float], device: torch.device) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self.curve: dict[int, float] = {}
        self._warmup, self._steps, self._look, self._device = warmup, steps, look, device
        self._looks = {round(steps * k / looks) for k in range(1, looks + 1)} if looks else set()
        self._since: tuple[float, float] | None = None

    def step(self, number: int) -> None:
        """Call before step 0, 1, 2, …, and once more after the last."""
        looks = number in self._looks and number not in self.curve
        if looks or number == self._steps:
            self._pause()
        if looks:
            self.curve[number] = self._look()
        if self._warmup <= number < self._steps and self._since is None:
            self._since = self._now()

    def _pause(self) -> None:
        if self._since is not None:
            wall, cpu = self._now()
            self.seconds += wall - self._since[0]
            self.cpu_seconds += cpu - self._since[1]
            self._since = None

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter(), time.process_time()


@torch.no_grad()
def epsilon_loss(predict: Callable[[Tensor, Tensor], Tensor], alpha_bars: Tensor, clean: Tensor) -> float:
    """How well noise is estimated: the mean of (ε̂ - ε)² over held-out pictures at `LEVELS`, with the same noises.

    Args:
        predict: ε̂ from x_t [N, C, H, W] and timesteps int64 [N].
        alpha_bars: the contender's own ᾱ_t [T]; each level is looked at where its schedule comes nearest.
        clean: pictures [N, C, H, W] in [-1, 1].
    """
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(clean.device)
    alpha_bars = alpha_bars.float().cpu()
    wanted = LEVELS.repeat(-(-len(clean) // len(LEVELS)))[: len(clean)]
    t = (alpha_bars[None] - wanted[:, None]).abs().argmin(dim=1)
    signal = alpha_bars[t][:, None, None, None].to(clean.device)
    estimate = predict(signal.sqrt() * clean + (1 - signal).sqrt() * noise, t.to(clean.device))
    return float((estimate.float() - noise).square().mean())


def flop_of(step: Callable[[], object]) -> float:
    """Floating-point operations of a step's matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def shares(step: Callable[[], object], device: torch.device, times: int = 2) -> dict[str, float]:
    """Where a step's time goes: shares of the processor's (or GPU's) time by kind of operation."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=kinds) as seen:
        for _ in range(times):
            step()
    spent = dict.fromkeys([*PARTS, "other"], 0.0)
    for event in seen.key_averages():
        seconds = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        spent[_part(event.key.lower())] += seconds
    total = sum(spent.values()) or 1.0
    return {part: round(seconds / total, 3) for part, seconds in spent.items()}


def _part(name: str) -> str:
    return next((part for part, words in PARTS.items() if any(word in name for word in words)), "other")


def parameters(module: torch.nn.Module) -> int:
    """How many there are."""
    return sum(parameter.numel() for parameter in module.parameters())


def losses(values: Sequence[float]) -> list[float]:
    """Rounded, for JSON."""
    return [round(value, 5) for value in values]
