"""Conditions × noises: what the condition decides, and what the noise."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from genbench.api import Figure, FigureContext, FigureOptions, Sheet, Strip
from genbench_ddpm.figures.common import draw, is_conditional, rows_of
from genbench_ddpm.learner import DiffusionLearner


class GridOptions(FigureOptions):
    """The size of the grid."""

    rows: int = Field(10, ge=1, le=100, description="conditions, where none are named")
    columns: int = Field(10, ge=1, le=50, description="start noises")


class Grid(Figure):
    """One row a condition, one column a start noise, the same in every row; without conditions a plain grid."""

    description = "conditions × start noises"
    Options = GridOptions
    starts_from_noise = True
    takes_conditions = True

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Sheet]:
        """Row by row, so that a stochastic sampler's noise is that of the column too."""
        rows, columns = rows_of(learner, context, options.rows), options.columns
        shared = is_conditional(learner)
        noise = context.noise(columns if shared else columns * len(rows), *learner.shape)
        strips = []
        for index, (label, condition) in enumerate(zip(rows.labels, rows.rows, strict=True)):
            start = noise if shared else noise[index * columns : (index + 1) * columns]
            strips.append(Strip(label, draw(learner, start, condition[None], context.sample, context)))
        return [Sheet("grid", strips)]
