"""The reverse process as a strip: noise turning into a picture."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from genbench.api import Figure, FigureContext, FigureOptions, Sheet, Strip
from genbench_ddpm.figures.common import nearest_to, rows_of, states, with_steps
from genbench_ddpm.learner import DiffusionLearner


class ReverseOptions(FigureOptions):
    """Which states of the process."""

    frames: int = Field(8, ge=2, le=40, description="states, evenly spaced, the noise and the picture included")
    every: int | None = Field(None, ge=1, description="instead: a state every so many timesteps, e.g. 100")
    rows: int = Field(3, ge=1, le=40, description="conditions, where none are named")
    steps: int | None = Field(None, ge=1, description="steps of the sampler; default: the run's, or more if need be")


class Reverse(Figure):
    """x_t at chosen timesteps, from x_T to the picture."""

    description = "the reverse process, from noise to picture"
    Options = ReverseOptions
    starts_from_noise = True
    takes_conditions = True

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Sheet]:
        """One row a condition, each from a noise of its own, one column a timestep."""
        steps, rows = learner.process.steps, rows_of(learner, context, options.rows)
        if options.every is None:
            wanted = torch.linspace(steps, 0, options.frames).tolist()
        else:
            wanted = [*range(steps, 0, -options.every), 0]
        enough = max(context.sample.num_inference_steps, len(wanted) - 1)
        config = with_steps(context.sample, options.steps or enough, learner)
        start = context.noise(len(rows), *learner.shape)
        chosen = set(nearest_to(wanted, [t + 1 for t in learner.path(config)]))
        kept = [s for index, s in enumerate(states(learner, start, rows.rows, config, context)) if index in chosen]
        pictures = torch.stack([x for _, x in kept], dim=1)
        strips = [Strip(label, row) for label, row in zip(rows.labels, pictures, strict=True)]
        return [Sheet("reverse", strips, [f"t = {t}" for t, _ in kept])]
