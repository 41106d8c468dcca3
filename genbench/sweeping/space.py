"""The search space: its grid, what a trial draws from it, and the row that a configuration stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice, takewhile
from typing import TYPE_CHECKING, Any

from genbench.errors import ConfigError
from genbench.limits import GRID_POINTS
from genbench.specs import RowSpec, validate
from genbench.sweeping.specification import ROW_KEYS, Choice, Parameter, SweepSpec, as_tuple, flat

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Configuration = dict[str, Choice]
"""What a trial chose, by parameter; parameters whose ``when`` does not hold are absent."""


def applies(parameter: Parameter, chosen: Mapping[str, Choice]) -> bool:
    """Whether a parameter is searched, given what those above it are."""
    return all(name in chosen and chosen[name] in as_tuple(wanted) for name, wanted in parameter.when.items())


def grid(spec: SweepSpec) -> list[Configuration]:
    """Every configuration of a grid once, the last parameter varying fastest.

    Raises:
        ConfigError: when there are more than `limits.GRID_POINTS`.
    """
    most = GRID_POINTS.value

    def points(names: list[str], chosen: Configuration) -> Iterator[Configuration]:
        if not names:
            yield chosen
            return
        parameter, rest = spec.space[names[0]], names[1:]
        if not applies(parameter, chosen):
            yield from points(rest, chosen)
            return
        for value in _values(parameter):
            yield from points(rest, {**chosen, names[0]: value})

    found = list(islice(points(list(spec.space), {}), most + 1))
    if len(found) > most:
        raise ConfigError(f"sweep {spec.name}: space: the configurations of its grid are {GRID_POINTS.too_many}")
    return found


def draw(trial: Trial, spec: SweepSpec) -> Configuration:
    """What the study's sampler proposes for a trial."""
    chosen: Configuration = {}
    for name, parameter in spec.space.items():
        if applies(parameter, chosen):
            chosen[name] = trial._suggest(name, distribution(parameter))
    return chosen


def distribution(parameter: Parameter) -> BaseDistribution:
    """The parameter as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if (choices := parameter.choices) is not None:
        return CategoricalDistribution(choices)
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.whole:
        return IntDistribution(int(parameter.low), int(parameter.high), parameter.log, int(parameter.step or 1))
    step = None if parameter.step is None else float(parameter.step)
    return FloatDistribution(float(parameter.low), float(parameter.high), parameter.log, step)


def row_of(spec: SweepSpec, configuration: Mapping[str, Choice]) -> RowSpec:
    """The row that a configuration stands for.

    Raises:
        ConfigError: when a changed preset, budget or selection is malformed.
    """
    row: dict[str, Any] = {
        "family": spec.family,
        "preset": spec.preset,
        "budget": spec.budget,
        "selection": spec.selection,
        "label": label_of(configuration),
        "train": dict(spec.train),
        "sample": dict(spec.sample),
    }
    for setting, value in settings_of(spec, configuration).items():
        if setting in ROW_KEYS:
            row[setting] = value
        else:
            section, _, key = setting.partition(".")
            row[section][key] = value
    return validate(RowSpec, row, f"sweep {spec.name}, {label_of(configuration)}")


def settings_of(spec: SweepSpec, configuration: Mapping[str, Choice]) -> dict[str, Any]:
    """What a configuration changes, by dotted name; variants are spelt out."""
    settings: dict[str, Any] = {}
    for name, value in configuration.items():
        variants = spec.space[name].variants
        settings |= flat(variants[str(value)]) if variants is not None else {name: value}
    return settings


def label_of(configuration: Mapping[str, Choice]) -> str:
    """A configuration in words: ``size=xs, eta=0.5``; the name stays, so that rows explain themselves."""
    return ", ".join(f"{name.rpartition('.')[2]}={_short(value)}" for name, value in configuration.items())


def _short(value: Choice) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _values(parameter: Parameter) -> Iterable[Choice]:
    if (choices := parameter.choices) is not None:
        return choices
    assert parameter.low is not None
    assert parameter.high is not None
    step = parameter.step or 1
    last = (parameter.high - parameter.low) / step * (1 + 1e-9)
    values = (parameter.low + k * step for k in takewhile(lambda k: k <= last, count()))
    return (int(v) if parameter.whole else round(float(v), 12) for v in values)
