"""The forward process: pictures turning into noise."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from genbench.api import ConfigError, Figure, FigureContext, FigureOptions, Sheet, Strip
from genbench_ddpm.learner import DiffusionLearner


class ForwardOptions(FigureOptions):
    """How many pictures, at which shares of T."""

    pictures: int = Field(5, ge=1, le=20, description="pictures, one a row")
    shares: tuple[float, ...] = Field((0.25, 0.5, 0.75, 1.0), min_length=1, max_length=10, description="shares of T")


class Forward(Figure):
    """x_t = √ᾱ_t·x₀ + √(1-ᾱ_t)·ε at 0, 25, 50, 75 and 100 % of T, with one ε a row."""

    description = "the forward process at 25, 50, 75 and 100 % of T"
    Options = ForwardOptions
    starts_from_noise = True

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Sheet]:
        """One row a held-out picture, one column a share of T."""
        steps = learner.process.steps
        if not all(0 < share <= 1 for share in options.shares):
            raise ConfigError(f"shares {list(options.shares)} must lie above 0 and reach at most 1")
        clean = context.real[: options.pictures]
        noise = context.noise(len(clean), *learner.shape)
        columns, heads = [clean], ["0%\nt = 0"]
        for share in options.shares:
            t = max(1, round(share * steps))
            alpha_bar = learner.process.alpha_bar(t - 1)
            columns.append(alpha_bar**0.5 * clean + (1 - alpha_bar) ** 0.5 * noise / learner.scale)
            heads.append(f"{share:.0%}\nt = {t}")
        rows = torch.stack(columns, dim=1)
        labels = context.real_conditions.labels
        strips = [Strip(label, row) for label, row in zip(labels, rows, strict=False)]
        return [Sheet("forward", strips, heads)]
