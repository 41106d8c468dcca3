"""Real pictures, the noises that DDIM encodes them into, and what these decode to."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from genbench.api import Figure, FigureContext, FigureOptions, Sheet, Strip
from genbench_ddpm.figures.common import is_conditional, with_steps
from genbench_ddpm.learner import DiffusionLearner
from genbench_ddpm.studies import decode, encode


class InversionOptions(FigureOptions):
    """How many pictures, in how many steps."""

    pictures: int = Field(10, ge=1, le=20, description="held-out pictures")
    steps: tuple[int, ...] = Field((10, 100), min_length=1, max_length=6, description="numbers of DDIM steps each way")


class Inversion(Figure):
    """Encoding by DDIM with η = 0 and back (Song et al., 2021, section 5.4), conditional, without guidance."""

    description = "held-out pictures encoded into noise and decoded again"
    Options = InversionOptions

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Sheet]:
        """One column a picture; below each reconstruction its error, the root mean square over pixels in [-1, 1]."""
        pictures = context.real[: options.pictures]
        known = context.real_conditions.first(options.pictures)
        conditions = known.rows if is_conditional(learner) else torch.zeros_like(known.rows)
        process = learner.process.to(torch.device("cpu"))
        strips, noise = [Strip("held out", pictures)], pictures
        for steps in options.steps:
            config = with_steps(plain(context.sample), steps, learner)
            path = learner.path(config)

            def predict(x: Tensor, t: int, config: Any = config) -> Any:
                return learner.predict(x, t, conditions, config)

            noise = encode(predict, process, pictures * learner.scale, path)
            found = decode(predict, process, noise, path) / learner.scale
            errors = (found - pictures).square().mean(dim=(1, 2, 3)).sqrt()
            label = f"{len(path) - 1} steps\nRMS {errors.square().mean().sqrt().item():.3f}"
            strips.append(Strip(label, found, [f"{error:.3f}" for error in errors.tolist()]))
        strips.insert(1, Strip(f"encoded\nin {options.steps[-1]} steps", noise))
        return [Sheet("inversion", strips, known.labels if is_conditional(learner) else ())]


def plain(config: Any) -> Any:
    """The deterministic way: no guidance of any kind, nothing clipped."""
    changes = {"sampler": "ddim", "eta": 0.0, "clip_sample": False, "guidance_scale": 1.0, "guide_scale": 0.0}
    return config.model_copy(update=changes)
