"""Pictures on the way from one start noise to another."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from genbench.api import Figure, FigureContext, FigureOptions, Sheet, Strip
from genbench_ddpm.figures.common import draw, rows_of, with_steps
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.studies import lerp, slerp


class InterpolationOptions(FigureOptions):
    """Which two noises, and how many pictures."""

    pictures: int = Field(11, ge=2, le=40, description="pictures, both ends included")
    first: int = Field(0, ge=0, le=999, description="number of the noise at the left")
    second: int = Field(1, ge=0, le=999, description="number of the noise at the right")
    rows: int = Field(1, ge=1, le=20, description="conditions, where none are named")
    steps: int | None = Field(None, ge=1, description="DDIM steps; default: the run's")


class Interpolation(Figure):
    """Spherical and linear interpolation of two start noises, each point decoded by DDIM with η = 0."""

    description = "slerp and lerp between two start noises"
    Options = InterpolationOptions
    starts_from_noise = True
    takes_conditions = True

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Sheet]:
        """For each condition a strip of either kind."""
        update = {"sampler": "ddim", "eta": 0.0}
        config = with_steps(context.sample, options.steps, learner).model_copy(update=update)
        noise = context.noise(max(options.first, options.second) + 1, *learner.shape)
        ends = noise[options.first], noise[options.second]
        weights = torch.linspace(0, 1, options.pictures).tolist()
        rows = rows_of(learner, context, options.rows)
        strips = []
        for label, condition in zip(rows.labels, rows.rows, strict=True):
            for kind in (slerp, lerp):
                start = torch.stack([kind(*ends, weight) for weight in weights])
                name = f"{label}, {kind.__name__}" if label else kind.__name__
                strips.append(Strip(name, draw(learner, start, condition[None], config, context)))
        heads = ["w = 0", *(f"{weight:.2g}" for weight in weights[1:])]
        return [Sheet("interpolation", strips, heads)]
