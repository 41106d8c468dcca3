"""The η grid: from deterministic sampling to ancestral."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from genbench.api import ConfigError, Figure, FigureContext, FigureOptions, Sheet, Strip
from genbench_ddpm.figures.common import draw, rows_of, with_steps
from genbench_ddpm.learner import DiffusionLearner


class EtaOptions(FigureOptions):
    """Which η, from how many noises."""

    etas: tuple[float, ...] = Field((0, 0.25, 0.5, 0.75, 1), min_length=1, max_length=20, description="values of η")
    columns: int = Field(10, ge=1, le=50, description="start noises")
    steps: int | None = Field(None, ge=1, description="DDIM steps; default: the run's")


class Eta(Figure):
    """DDIM from fixed start noises: with η = 0 they decide the picture, with larger η it drifts away from that."""

    description = "DDIM at several η from the same start noises"
    Options = EtaOptions
    starts_from_noise = True
    takes_conditions = True

    def draw(self, learner: DiffusionLearner, context: FigureContext, options: Any) -> list[Sheet]:
        """One row an η; its label says how far it is, on average, from the deterministic pictures (RMS per pixel)."""
        if not all(0 <= eta <= 1 for eta in options.etas):
            raise ConfigError(f"etas {list(options.etas)} must lie in [0, 1]")
        config = with_steps(context.sample, options.steps, learner).model_copy(update={"sampler": "ddim"})
        noise = context.noise(options.columns, *learner.shape)
        conditions = rows_of(learner, context, options.columns)
        which = [index % len(conditions) for index in range(options.columns)]

        def pictures(eta: float) -> Any:
            chosen = config.model_copy(update={"eta": float(eta)})
            return draw(learner, noise, conditions.rows[which], chosen, context)

        deterministic = pictures(0)
        strips = []
        for eta in options.etas:
            row = deterministic if eta == 0 else pictures(eta)
            drift = (row.clamp(-1, 1) - deterministic.clamp(-1, 1)).square().mean().sqrt().item()
            strips.append(Strip(f"η = {eta:g}" + (f"\nRMS {drift:.2f}" if drift else ""), row))
        heads = [conditions.labels[index] for index in which] if any(conditions.labels) else []
        return [Sheet("eta", strips, heads)]
