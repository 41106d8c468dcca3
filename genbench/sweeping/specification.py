"""A sweep as a validated model: what its TOML file may say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from genbench.comparing.measures import describe, known_stems, stem_of
from genbench.limits import GRID_POINTS
from genbench.plugins import nearest
from genbench.specs import ComparisonSpec, Compile, DataSpec, EvaluationSpec, RowSpec, Selection, Spec
from genbench.sweeping.watching import WATCHED

Choice = bool | int | float | str
Direction = Literal["minimize", "maximize"]

LONGEST = 40
"""Letters of a variant's name: it is a label in tables and figures."""

MOST = 1e15
"""Of a range's ends: whole numbers up to here are kept exactly by every storage."""

ROW_KEYS = frozenset({"family", "preset", "budget", "selection"})
SECTIONS = ("train", "sample")


class Parameter(Spec):
    """One dimension of the search space: ``values``, named ``variants``, or a range from ``low`` to ``high``."""

    values: tuple[Choice, ...] | None = Field(None, min_length=1, description="the choices")
    variants: dict[str, dict[str, Any]] | None = Field(
        None, min_length=1, description="named choices, each of which changes several settings"
    )
    low: int | float | None = Field(None, description="lower end of a range, included; whole numbers make it whole")
    high: int | float | None = Field(None, description="upper end of a range, included")
    step: int | float | None = Field(None, gt=0, description="distance of neighbouring values of a range")
    log: bool = Field(False, description="the range is searched by its logarithm")
    when: dict[str, Choice | tuple[Choice, ...]] = Field(
        default_factory=dict, description="only searched while parameters above have (one of) these choices"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        ranged = self.low is not None or self.high is not None
        if (self.values is not None) + (self.variants is not None) + ranged != 1:
            raise ValueError("give one of: values = [...], variants = {...}, or low and high")
        if not ranged:
            if self.step is not None or self.log:
                raise ValueError("step and log belong to a range of low and high")
            if any(isinstance(value, float) and not math.isfinite(value) for value in self.values or ()):
                raise ValueError("values must be finite numbers")
            if len(self.choices or ()) > GRID_POINTS.value:
                raise ValueError(f"{len(self.choices or ()):,} choices are {GRID_POINTS.too_many}")
            if self.values is not None and len(set(self.values)) < len(self.values):
                raise ValueError("values has a choice twice")
            if any(not name.strip() or not name.isprintable() or len(name) > LONGEST for name in self.variants or ()):
                raise ValueError(f"a variant's name needs 1 to {LONGEST} printable characters")
            return self
        if self.low is None or self.high is None:
            raise ValueError("a range needs both low and high")
        if not all(abs(number) <= MOST for number in (self.low, self.high, self.step or 0)):
            raise ValueError(f"low, high and step must be numbers of at most {MOST:g}")
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(f"step ({self.step}) is longer than the range")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range starts above 0 and has no step")
        return self

    @property
    def choices(self) -> tuple[Choice, ...] | None:
        """The values or the variants' names; None for a range."""
        return tuple(self.variants) if self.variants is not None else self.values

    @property
    def whole(self) -> bool:
        """Whether a range holds whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, int | None)


class SamplerSpec(Spec):
    """Who proposes configurations."""

    name: Literal["grid", "random", "tpe", "gp", "nsga2", "cmaes"] = "grid"
    seed: int = Field(0, ge=0, description="of the proposals; the trial's number enters, too")
    startup_trials: int = Field(10, ge=1, description="random trials before tpe and gp begin to model")
    population: int = Field(20, ge=2, description="size of a generation of nsga2")


class PrunerSpec(Spec):
    """When a trial is given up: ``median`` and ``hyperband`` watch training, ``wilcoxon`` compares finished seeds."""

    name: Literal["median", "hyperband", "wilcoxon"]
    watch: str | None = Field(None, description="the curve that median and hyperband look at: validation, guide, …")
    startup_trials: int = Field(5, ge=0, description="median: trials before the first is pruned")
    warmup: int = Field(2, ge=0, description="points of progress (ten a seed), or seeds, before a trial is pruned")
    reduction_factor: int = Field(3, ge=2, description="hyperband: the share 1/factor that goes on from each rung")
    p_threshold: float = Field(0.1, gt=0, lt=1, description="wilcoxon: prune below this p-value")

    @model_validator(mode="after")
    def _watches(self) -> Self:
        if self.name == "wilcoxon":
            if self.watch is not None:
                raise ValueError("wilcoxon compares the objective of finished seeds: leave watch out")
        elif self.watch not in WATCHED:
            raise ValueError(
                f"watch must name a curve of training, not {self.watch!r}: {nearest(str(self.watch), WATCHED)}"
            )
        return self


class Objective(Spec):
    """What is sought: a measure of the finished runs, averaged over seeds, or the score of a selection."""

    metric: str
    direction: Direction = Field("maximize", description="default: the measure's own direction")

    @model_validator(mode="before")
    @classmethod
    def _own_direction(cls, values: Any) -> Any:
        if isinstance(values, str):
            values = {"metric": values}
        if not isinstance(values, Mapping) or "direction" in values or not isinstance(values.get("metric"), str):
            return values
        name = values["metric"]
        better = WATCHED[name].better if name in WATCHED else describe(name).better
        if better == "neither":
            if stem_of(name) is None:
                return values  # the unknown name is the first problem
            raise ValueError(f'{name} has no better direction of its own: write direction = "minimize" or "maximize"')
        return {**values, "direction": "minimize" if better == "lower" else "maximize"}

    @field_validator("metric")
    @classmethod
    def _is_measured(cls, name: str) -> str:
        if name not in WATCHED and stem_of(name) is None:
            raise ValueError(f"unknown measure {name!r}: {nearest(name, [*known_stems(), *WATCHED])}")
        return name


class SweepSpec(Spec):
    """A study over a family's configuration."""

    name: str = Field(description="default: the file's name")
    description: str = ""
    family: str
    preset: str = "quick"
    budget: str | None = Field(None, description="of every run; default: the preset's")
    selection: Selection = "final"
    train: dict[str, Any] = Field(default_factory=dict, description="changes to training for all trials")
    sample: dict[str, Any] = Field(default_factory=dict, description="changes to sampling for all trials")
    data: DataSpec = DataSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    seeds: int = Field(1, ge=1, le=1000, description="repetitions of every configuration")
    trials: int | None = Field(None, ge=1, le=1_000_000, description="how many; default: every point of the grid")
    sampler: SamplerSpec = SamplerSpec()
    pruner: PrunerSpec | None = None
    objectives: tuple[Objective, ...] = Field(min_length=1)
    space: dict[str, Parameter] = Field(min_length=1)
    columns: tuple[str, ...] = Field((), description="measures that the printed table shows")
    device: str = "auto"
    precision: str = "auto"
    compile: Compile = "off"

    @model_validator(mode="before")
    @classmethod
    def _shorthands(cls, values: Any) -> Any:
        """``"train.size" = [...]`` stands for values, and an unquoted ``train.size`` for the quoted key."""
        if not isinstance(values, Mapping) or not isinstance(values.get("space"), Mapping):
            return values
        space: dict[str, Any] = {}
        for key, entry in values["space"].items():
            nested = key in SECTIONS and isinstance(entry, Mapping)
            for name, parameter in ({f"{key}.{n}": p for n, p in entry.items()} if nested else {key: entry}).items():
                if name in space:
                    raise ValueError(f"space has {name} twice, with and without quotes")
                space[name] = {"values": parameter} if isinstance(parameter, list | tuple) else parameter
        return {**values, "space": space}

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise ValueError(
                'a sweep\'s name has letters a to z, digits, ".", "_" and "-" only: write name = "…" in the file'
            )
        return name

    @field_validator("space")
    @classmethod
    def _space_is_sound(cls, space: dict[str, Parameter]) -> dict[str, Parameter]:
        above: dict[str, Parameter] = {}
        for name, parameter in space.items():
            if parameter.variants is None:
                check_setting(name)
            for variant, settings in (parameter.variants or {}).items():
                for setting in flat(settings):
                    check_setting(setting, f"{name}, variant {variant!r}: ")
            for other, wanted in parameter.when.items():
                if wanted == ():
                    raise ValueError(f"{name}: when asks for none of the choices of {other}")
                if other not in above:
                    raise ValueError(f"{name}: when names {other!r}, which is not a parameter above it")
                choices = above[other].choices
                if choices is None:
                    raise ValueError(f"{name}: when can ask for choices only, and {other} is a range")
                if lacking := [w for w in as_tuple(wanted) if w not in choices]:
                    raise ValueError(f"{name}: when asks for {other} = {lacking[0]!r}, which is none of its choices")
            above[name] = parameter
        return space

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len({objective.metric for objective in self.objectives}) < len(self.objectives):
            raise ValueError("objectives: one is there twice")
        for section, fixed in (("train", self.train), ("sample", self.sample)):
            if both := [key for key in fixed if f"{section}.{key}" in self.space]:
                raise ValueError(f"space.{section}.{both[0]}: {section} fixes it, too: leave one out")
        if self.sampler.name == "grid":
            endless = [n for n, p in self.space.items() if p.choices is None and p.step is None and not p.whole]
            if endless:
                raise ValueError(f"space.{endless[0]}: a grid needs values, or a range with a step")
        elif self.trials is None:
            raise ValueError(f"trials is missing: the sampler {self.sampler.name} goes on for ever without it")
        if self.pruner is not None and len(self.objectives) > 1:
            raise ValueError("pruner: a sweep with several objectives cannot prune: leave the pruner out")
        if self.pruner is not None and self.pruner.name == "wilcoxon" and self.seeds < 3:
            raise ValueError("pruner: wilcoxon compares seeds, and needs at least seeds = 3")
        if self.pruner is not None and self.pruner.watch == "guide" and self.selection != "guide":
            raise ValueError('pruner: the guide scores training only with selection = "guide"')
        if self.sampler.name == "gp" and len(self.objectives) > 2:
            raise ValueError("sampler: gp takes one or two objectives")
        if self.sampler.name == "cmaes" and len(self.objectives) > 1:
            raise ValueError("sampler: cmaes takes one objective: use nsga2")
        return self

    def comparison(self, rows: Sequence[RowSpec]) -> ComparisonSpec:
        """The comparison of some configurations."""
        return ComparisonSpec(
            name=self.name,
            rows=tuple(rows),
            data=self.data,
            evaluation=self.evaluation,
            seeds=self.seeds,
            device=self.device,
            precision=self.precision,
            compile=self.compile,
        )


def check_setting(name: str, where: str = "") -> None:
    """Raise `ValueError` unless ``name`` is something a row can change."""
    section, dot, key = name.partition(".")
    if not (name in ROW_KEYS or (dot and section in SECTIONS and key)):
        known = ", ".join([*(f"{s}.KEY" for s in SECTIONS), *sorted(ROW_KEYS)])
        raise ValueError(f"{where}{name!r} is no setting: write {known}, or give variants")


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """``{"train": {"size": "s"}}`` as ``{"train.size": "s"}``; dotted keys stay as they are."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        if key in SECTIONS and isinstance(value, Mapping):
            result |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            result[key] = value
    return result


def as_tuple(wanted: Choice | tuple[Choice, ...]) -> tuple[Choice, ...]:
    """One choice or several, as several."""
    return wanted if isinstance(wanted, tuple) else (wanted,)
