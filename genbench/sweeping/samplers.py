"""Optuna's samplers and pruners as a sweep asks for them, and the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from genbench.errors import ConfigError
from genbench.hashing import derive_seed
from genbench.selection import POINTS
from genbench.sweeping.space import Configuration, grid
from genbench.sweeping.specification import SamplerSpec, SweepSpec

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState


class GridSampler(BaseSampler):
    """Trial k is point k of the grid: no two trials are alike, whoever runs them, and none is left out."""

    # ruff: noqa: ARG002 - the signatures are Optuna's

    def __init__(self, points: Sequence[Configuration]) -> None:
        self._points = points

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: D102
        return {}

    def sample_relative(  # noqa: D102
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(  # noqa: D102
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._points[trial.number][param_name]


class SeededByTrial(BaseSampler):
    """A sampler made anew for every trial, seeded by the trial's number.

    So proposals do not depend on which worker asks, two workers never draw the same numbers, and a study that is gone
    on with proposes what it would have proposed without the break. Optuna's samplers keep what they learn in the
    study, not in themselves.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make = make
        self._seed = seed
        self._inner: BaseSampler = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:  # noqa: D102
        self._inner = self._make(derive_seed("sweep", self._seed, trial.number) % 2**32)
        self._inner.before_trial(study, trial)

    def after_trial(  # noqa: D102
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._inner.after_trial(study, trial, state, values)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: D102
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(  # noqa: D102
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(  # noqa: D102
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


def make_sampler(spec: SweepSpec) -> BaseSampler:
    """The sampler of a sweep.

    Raises:
        ConfigError: when a package that it needs is missing.
    """
    if spec.sampler.name == "grid":
        return GridSampler(grid(spec))
    return SeededByTrial(lambda seed: _modelling(spec.sampler, seed), spec.sampler.seed)


def make_pruner(spec: SweepSpec) -> BasePruner:
    """The pruner of a sweep; without one, nothing is pruned."""
    pruner = spec.pruner
    if pruner is None:
        return optuna.pruners.NopPruner()
    if pruner.name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=pruner.startup_trials, n_warmup_steps=pruner.warmup)
    if pruner.name == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=max(1, pruner.warmup),
            max_resource=POINTS * spec.seeds,
            reduction_factor=pruner.reduction_factor,
        )
    return optuna.pruners.WilcoxonPruner(p_threshold=pruner.p_threshold, n_startup_steps=pruner.warmup)


def _modelling(sampler: SamplerSpec, seed: int) -> BaseSampler:
    if sampler.name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if sampler.name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=sampler.startup_trials)
    if sampler.name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=sampler.population)
    if sampler.name == "gp":
        return optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=sampler.startup_trials, warn_independent_sampling=False
        )
    try:
        import cmaes  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise ConfigError("the sampler cmaes needs a package: pip install 'genbench[cmaes]'") from None
    return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
