"""The check of what a family says of itself: names, presets, configurations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from genbench.api import Family, SampleConfig, Task, TrainConfig
from genbench.checking.contract import Violation
from genbench.checking.subject import RESOLUTIONS, Subject
from genbench.errors import GenbenchError
from genbench.hashing import content_hash
from genbench.planning import Resolved, resolve
from genbench.plugins import nearest
from genbench.specs import RowSpec

REQUIRED_PRESETS = ("smoke", "quick", "standard")
_AT_KEYS = {"budget", "train", "sample"}


def description(subject: Subject) -> str:
    """Names, task, version and presets are there; configurations are immutable, strict and survive JSON."""
    family = subject.family
    _attributes(subject)
    missing = [name for name in REQUIRED_PRESETS if name not in family.presets]
    if missing:
        raise Violation(f"presets are missing: {', '.join(missing)}")
    for name, preset in family.presets.items():
        _keys_at_resolutions(name, preset.at)
        for resolved in _at_every_resolution(subject, name):
            for config in (resolved.train, resolved.sample):
                _strict(config, name)
                _survives_json(config, name)
    return f"{len(family.presets)} presets at {len(RESOLUTIONS)} resolutions"


def _attributes(subject: Subject) -> None:
    family = subject.family
    if not isinstance(family, Family):
        raise Violation(f"{type(family).__name__} is not a subclass of genbench.api.Family")
    if family.name != subject.name:
        raise Violation(f"registered as {subject.name!r}, but its name is {family.name!r}: make them the same")
    if not family.title:
        raise Violation("title is empty")
    if family.task not in get_args(Task):
        raise Violation(f"task {family.task!r} is unknown: {nearest(str(family.task), get_args(Task))}")
    if not isinstance(family.version, int) or family.version < 1:
        raise Violation(f"version is {family.version!r}: make it an integer from 1 on")
    for given, base in ((family.TrainConfig, TrainConfig), (family.SampleConfig, SampleConfig)):
        if not issubclass(given, base):
            raise Violation(f"{given.__name__} is not a subclass of genbench.api.{base.__name__}")


def _keys_at_resolutions(preset: str, at: Any) -> None:
    for resolution, changes in at.items():
        if not isinstance(resolution, int):
            raise Violation(f"preset {preset}: at has the key {resolution!r}: make it a resolution in pixels")
        for key in changes:
            if key not in _AT_KEYS:
                raise Violation(
                    f"preset {preset}: at[{resolution}] has the unknown key {key!r}: {nearest(key, _AT_KEYS)}"
                )


def _at_every_resolution(subject: Subject, preset: str) -> Iterator[Resolved]:
    row = RowSpec(family=subject.name, preset=preset)
    for resolution in RESOLUTIONS:
        try:
            yield resolve(row, subject.toy_set(resolution).info)
        except GenbenchError as error:
            raise Violation(f"preset {preset} at resolution {resolution}: {error}") from error


def _strict(config: BaseModel, preset: str) -> None:
    """Immutable, and unknown keys are refused, here and in nested models."""
    kind = type(config).__name__
    for model in _models(config):
        if not model.model_config.get("frozen") or model.model_config.get("extra") != "forbid":
            raise Violation(f"{type(model).__name__} is not immutable and strict: derive it from genbench.api.Config")
    try:
        type(config).model_validate({**config.model_dump(), "no-such-key": 1})
    except ValidationError:
        return
    raise Violation(f"{kind} (preset {preset}) accepts unknown keys")


def _models(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _models(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _models(item)


def _survives_json(config: BaseModel, preset: str) -> None:
    kind = type(config)
    again = kind.model_validate_json(config.model_dump_json())
    for name in kind.model_fields:
        before, after = getattr(config, name), getattr(again, name)
        if before != after:
            raise Violation(f"{kind.__name__}.{name} (preset {preset}) does not survive JSON: {before!r} → {after!r}")
    if content_hash(config.model_dump(mode="json")) != content_hash(again.model_dump(mode="json")):
        raise Violation(f"{kind.__name__} (preset {preset}) hashes differently after JSON")
