"""What the figures share: which pictures to draw, from which noise, by which sampler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from genbench.api import Conditions, ConfigError, FigureContext
from genbench_ddpm.configuration import DDPMSampleConfig
from genbench_ddpm.learner import DiffusionLearner


def is_conditional(learner: DiffusionLearner) -> bool:
    """Whether the network was ever told a condition."""
    return learner.config.conditioning != "none" and learner.config.condition_dropout < 1


def rows_of(learner: DiffusionLearner, context: FigureContext, count: int) -> Conditions:
    """The conditions that were asked for, or ``count`` of all; without names where the network knows none.

    Raises:
        ConfigError: conditions were asked for that the model cannot follow.
    """
    if is_conditional(learner):
        return context.conditions(count)
    if context.asked is not None:
        raise ConfigError("this model was trained without conditions: leave --conditions out")
    return Conditions(("",) * count, torch.zeros(count, len(context.data.conditions), device=context.device))


def with_steps(config: DDPMSampleConfig, steps: int | None, learner: DiffusionLearner) -> DDPMSampleConfig:
    """Another number of sampling steps, where one is given; at most the model's T."""
    if steps is None:
        return config
    return config.model_copy(update={"num_inference_steps": min(steps, learner.process.steps)})


def draw(
    learner: DiffusionLearner, start: Tensor, conditions: Tensor, config: DDPMSampleConfig, context: FigureContext
) -> Tensor:
    """A picture [N, C, H, W] of each start noise [N, C, H, W], each with its condition [N, K] or all with one [1, K].

    A stochastic sampler draws the same noise at every call, so that rows of a figure differ by what they say only.
    """
    conditions = conditions.expand(len(start), -1)
    return learner.sample_from(start, conditions, config, generator=context.generator())


def states(
    learner: DiffusionLearner, start: Tensor, conditions: Tensor, config: DDPMSampleConfig, context: FigureContext
) -> Iterator[tuple[int, Tensor]]:
    """The timestep and x along the reverse process: first (T, the start noises), at last (0, pictures).

    Timesteps are counted as in the papers, 1 … T, with 0 for the clean picture. All x are on the scale of pictures.
    """
    times = [t + 1 for t in learner.path(config)]
    yield times[0], start / learner.scale
    walk = learner.trajectory(start, conditions.expand(len(start), -1), config, generator=context.generator())
    yield from zip(times[1:], walk, strict=True)


def nearest_to(wanted: Sequence[float], times: Sequence[int]) -> list[int]:
    """Indices of those ``times`` that are nearest to the wanted ones, rising, without repeats."""
    distances = [[abs(time - t) for time in times] for t in wanted]
    return sorted({row.index(min(row)) for row in distances})
