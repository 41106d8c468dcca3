"""A sweep to start from: a few values of one setting, and in comments what else the family has."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel
from torch.nn import Identity

from genbench.api import DataInfo, GenerativeLearner, Task
from genbench.errors import ConfigError
from genbench.files import write_text
from genbench.planning import Resolved, resolve
from genbench.scaffolding.names import PluginName
from genbench.specs import RowSpec

_SEARCHED_FIRST = ("learning_rate", "learning_rate_g", "batch_size")
_FACTORS = (0.5, 1, 2)
_DATA: dict[Task, DataInfo] = {
    "generation": DataInfo("digits", 16, 1, tuple("0123456789"), exclusive=True, train_size=1000),
    "adaptation": DataInfo("digits:digits-m", 16, 3, tuple("0123456789"), exclusive=True, train_size=1000),
}
_MIND = (
    "# Mind: {family} has no validation loss, and accuracy is taken on the test split. A setting that is chosen by it\n"
    "# is fitted to that split, and its number there says too much. `guide` looks at validation data, but favours\n"
    "# what trains on the guide.\n"
)


def write_sweep(name: PluginName, family: str, out: Path) -> None:
    """Write a sweep file for an installed family, with its quick preset at 16 pixels as the middle of the values.

    Raises:
        PluginError: when there is no such family.
        ConfigError: when ``out`` exists, or the family does not fit the built-in data.
        GenbenchError: when ``out`` cannot be written.
    """
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} exists already: choose another file with --out, or remove it")
    row = RowSpec(family=family, preset="quick")
    task = resolve(row, _DATA["generation"]).family.task
    resolved = resolve(row, _DATA[task])
    settings = [*_settings("train", resolved.train), *_settings("sample", resolved.sample)]
    key = next(f"train.{wanted}" for wanted in _SEARCHED_FIRST if hasattr(resolved.train, wanted))
    middle = {setting: value for setting, value, _ in settings}[key]
    objective = _objective(resolved)
    text = (files("genbench.scaffolding") / "templates" / "sweep.toml.j2").read_text(encoding="utf-8")
    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - TOML, not HTML
    )
    template = environment.from_string(text)
    values = {
        "sweep": name.name if out == Path("sweeps") / f"{name.name}.toml" else out,
        "family": family,
        "data": _DATA[task].name,
        "objective": objective,
        "mind": _MIND.format(family=family) if objective == "accuracy" else "",
        "key": key,
        "values": ", ".join(repr(type(middle)(factor * middle)) for factor in _FACTORS),
        "others": [f"{setting} = {_toml(value)}  # {text}" for setting, value, text in settings if setting != key],
    }
    write_text(out, template.render(values))


def _objective(resolved: Resolved) -> str:
    """A score that settings may be chosen by, because it needs nothing of the test split, where the family has one."""
    if resolved.family.task == "adaptation":
        return "unsupervised"
    learner = resolved.family.learner(resolved.train, _DATA["generation"], guide=Identity())
    return "accuracy" if getattr(type(learner), "validate", None) is GenerativeLearner.validate else "validation"


def _settings(section: str, config: BaseModel) -> list[tuple[str, Any, str]]:
    """Names, values and meanings of those settings that are plain numbers, words or switches."""
    return [
        (f"{section}.{name}", value, " ".join((field.description or "").split()))
        for name, field in type(config).model_fields.items()
        if isinstance(value := getattr(config, name), bool | int | float | str)
    ]


def _toml(value: bool | int | float | str) -> str:
    """As TOML writes it, which is as JSON does."""
    return json.dumps(value, ensure_ascii=False)
