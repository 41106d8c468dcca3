"""Families, datasets and metrics, found by entry points, so that a stranger's count as much as ours."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TYPE_CHECKING, Literal, cast

from genbench.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from genbench.api import Family, Preset
    from genbench.data.base import Dataset
    from genbench.metrics.base import Metric

Kind = Literal["families", "datasets", "metrics"]
_EXPECTED: dict[Kind, tuple[str, ...]] = {
    "families": ("name", "title", "task", "version", "presets", "learner", "TrainConfig", "SampleConfig"),
    "datasets": ("name", "title", "default_resolution", "source", "decode"),
    "metrics": ("name", "title", "task", "better", "compute"),
}
_SINGULAR = {"families": "family", "datasets": "dataset", "metrics": "metric"}


@dataclass(frozen=True)
class Broken:
    """A plug-in that is installed and cannot be imported, with the reason in one line."""

    name: str
    reason: str


def names(kind: Kind) -> list[str]:
    """All registered names of a kind, sorted; nothing is imported."""
    return sorted(_registered(kind))


def family(name: str) -> Family:
    """The family of that name.

    Raises:
        PluginError: when there is none (with the nearest name) or its import fails (with the cause).
    """
    return cast("Family", _load("families", name))


def dataset(name: str) -> Dataset:
    """The data set of that name. Raises `PluginError` as `family` does."""
    return cast("Dataset", _load("datasets", name))


def metric(name: str) -> Metric:
    """The metric of that name. Raises `PluginError` as `family` does."""
    return cast("Metric", _load("metrics", name))


def available(kind: Kind) -> tuple[dict[str, object], list[Broken]]:
    """Everything of a kind that imports, by name, and what does not."""
    good: dict[str, object] = {}
    broken: list[Broken] = []
    for name in names(kind):
        try:
            good[name] = _load(kind, name)
        except PluginError as error:
            broken.append(Broken(name, str(error)))
    return good, broken


def find_preset(name: str) -> list[tuple[str, Preset]]:
    """Every (family name, preset) that has a preset of this name."""
    families, _ = available("families")
    found = []
    for family_name, instance in families.items():
        presets = cast("Family", instance).presets
        if name in presets:
            found.append((family_name, presets[name]))
    return found


def recipes() -> list[str]:
    """Names of the presets that bring a data set of their own."""
    families, _ = available("families")
    presets = (cast("Family", instance).presets.items() for instance in families.values())
    return sorted({name for named in presets for name, preset in named if preset.dataset is not None})


def nearest(name: str, choices: Iterable[str]) -> str:
    """A half sentence with the closest choice and the list: ``did you mean 'ddpm'? (cgan, dann, ddpm)``."""
    options = sorted(choices)
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}(known: {', '.join(options) or 'none'})"


def check_choice(what: str, name: str, choices: Iterable[str]) -> None:
    """Raise `ConfigError` naming the nearest choice unless ``name`` is one of ``choices``."""
    options = list(choices)
    if name not in options:
        raise ConfigError(f"unknown {what} {name!r}: {nearest(name, options)}")


def _registered(kind: Kind) -> dict[str, EntryPoint]:
    return _scanned(kind, entry_points, tuple(sys.path))


@cache
def _scanned(kind: Kind, find: Callable[..., EntryPoints], path: tuple[str, ...]) -> dict[str, EntryPoint]:  # noqa: ARG001
    """What is installed on a path; reading it takes longer than all else that a name needs."""
    return {point.name: point for point in find(group=f"genbench.{kind}")}


def _load(kind: Kind, name: str) -> object:
    registered = _registered(kind)
    if name not in registered:
        raise PluginError(f"unknown {_SINGULAR[kind]} {name!r}: {nearest(name, registered)}")
    point = registered[name]
    try:
        plugin = point.load()()
    except (Exception, SystemExit) as error:  # whatever a stranger's module does must not take the others down
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise PluginError(f"{_SINGULAR[kind]} {name!r} ({point.value}) cannot be loaded: {cause}") from error
    lacking = [attribute for attribute in _EXPECTED[kind] if not hasattr(plugin, attribute)]
    if lacking:
        raise PluginError(f"{_SINGULAR[kind]} {name!r} ({point.value}) lacks {', '.join(lacking)}: see genbench.api")
    return plugin
