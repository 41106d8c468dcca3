"""The reverse process as a film."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from genbench.api import Figure, FigureContext, FigureOptions, Film
from genbench_ddpm.figures.common import nearest_to, rows_of, states, with_steps
from genbench_ddpm.learner import DiffusionLearner


class AnimationOptions(FigureOptions):
    """How long the film is and what it shows."""

    frames: int = Field(100, ge=2, le=100, description="frames, the noise and the picture included")
    hold: float = Field(2.0, ge=0, le=60, description="seconds that the last frame stays")
    rows: int = Field(10, ge=1, le=100, description="conditions, where none are named")
    steps: int | None = Field(None, ge=1, description="steps of the sampler; default: the run's, or more if need be")


class Animation(Figure):
    """x_t from x_T to the picture, evenly spaced in t, one picture a condition."""

    description = "the reverse process as GIF and WebP"
    Options = AnimationOptions
    starts_from_noise = True
    takes_conditions = True

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Film]:
        """All conditions side by side, each from a noise of its own."""
        rows = rows_of(learner, context, options.rows)
        enough = max(context.sample.num_inference_steps, options.frames - 1)
        config = with_steps(context.sample, options.steps or enough, learner)
        start = context.noise(len(rows), *learner.shape)
        times = [t + 1 for t in learner.path(config)]
        chosen = set(nearest_to(torch.linspace(times[0], 0, options.frames).tolist(), times))
        kept = [s for index, s in enumerate(states(learner, start, rows.rows, config, context)) if index in chosen]
        heads = rows.labels if any(rows.labels) else ()
        return [Film("animation", [x for _, x in kept], [f"t = {t}" for t, _ in kept], heads, options.hold)]
