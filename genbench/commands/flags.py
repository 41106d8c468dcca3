"""Options on the command line take precedence over a file, and a file over defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genbench.errors import ConfigError
from genbench.specs import Model, read_toml, validate

_OPTIONS = {"name": "dataset", "root": "data_root", "repetition": "seed"}
"""Keys of a specification whose option has another name."""


def split_row(argument: str, preset: str | None, selection: str | None) -> dict[str, str]:
    """The parts of ``FAMILY[:PRESET][@SELECTION]``; what it leaves out is as given for all rows, else quick and final.

    Raises:
        ConfigError: when nothing follows ``@``.
    """
    named, chosen = split_selection(argument, selection)
    family, colon, own = named.partition(":")
    return {"family": family, "preset": own if colon else preset or "quick", "selection": chosen or "final"}


def split_selection(argument: str, selection: str | None) -> tuple[str, str | None]:
    """What stands before and after the ``@`` of an argument; without one, ``selection`` is its own.

    Raises:
        ConfigError: when nothing follows ``@``.
    """
    named, at, own = argument.partition("@")
    if at and not own:
        raise ConfigError(f"{argument!r}: nothing follows @: write how weights are chosen, such as {named}@validation")
    return named, own or selection


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
