"""Options on the command line take precedence over a file, and a file over defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genbench.errors import ConfigError
from genbench.specs import Model, read_toml, validate

_OPTIONS = {"name": "dataset", "root": "data_root", "repetition": "seed"}
"""Keys of a specification whose option has another name."""


def from_file(model: type[Model], path: Path, *, flags: Mapping[str, Any], given: set[str]) -> Model:
    """A specification from a TOML file, changed by those ``flags`` whose option was ``given``.

    Args:
        model: what the file holds.
        path: the file.
        flags: values by key; a mapping changes the keys of a section.
        given: names of the options that were on the command line.

    Raises:
        ConfigError: when the file is missing, malformed, or a key or value in it is wrong.
    """
    spec = validate(model, read_toml(path), str(path))
    changes: dict[str, Any] = {}
    for key, value in flags.items():
        if isinstance(value, Mapping):
            own = {k: v for k, v in value.items() if _OPTIONS.get(k, k) in given}
            changes[key] = {**getattr(spec, key).model_dump(), **own}
        elif (key if key == "name" else _OPTIONS.get(key, key)) in given:
            changes[key] = value
    for option, advice in (("assignments", "--set"), ("preset", "--preset")):
        if option in given:
            raise ConfigError(f"{advice} has no effect on {path}: write it into the file")
    return validate(model, {**spec.model_dump(), **changes}, str(path))
