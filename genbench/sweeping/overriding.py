"""The command line's changes to a sweep. One that changes what a trial is gets a study of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genbench import plugins
from genbench.specs import validate
from genbench.sweeping.specification import SweepSpec


def override(
    spec: SweepSpec,
    *,
    preset: str | None = None,
    budget: str | None = None,
    seeds: int | None = None,
    trials: int | None = None,
    data: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    device: str | None = None,
    precision: str | None = None,
    compile: str | None = None,
) -> SweepSpec:
    """The sweep with some keys replaced; None and empty mappings leave the file's.

    Its name, and so its study's, says what was replaced: ``ddpm-unet-size-smoke``, ``…-2seeds``. The number of trials
    and the device do not enter it: more trials, or another machine, go on with the same study.

    A preset brings its own budget, so the file's is dropped with the file's preset.

    Raises:
        ConfigError: a value that does not fit.
    """
    values = spec.model_dump()
    tags: list[str] = []
    if preset is not None and preset != spec.preset:
        plugins.check_choice(f"preset of {spec.family}", preset, plugins.family(spec.family).presets)
        values |= {"preset": preset, "budget": None}
        tags.append(preset)
    if budget is not None and budget != values["budget"]:
        values["budget"] = budget
        tags.append(budget)
    if seeds is not None and seeds != spec.seeds:
        values["seeds"] = seeds
        tags.append(f"{seeds}seeds")
    for section, changes in (("data", data), ("evaluation", evaluation)):
        changed = {key: value for key, value in (changes or {}).items() if value not in (None, (), [])}
        if any(values[section][key] != value for key, value in changed.items()):
            values[section] = {**values[section], **changed}
            tags += [str(changed[key]) for key in ("name", "resolution") if key in changed]
            tags += ["measured"] if section == "evaluation" else []
    if precision is not None:
        values["precision"] = precision
    if compile is not None:
        values["compile"] = compile
    if device is not None:
        values["device"] = device
    if trials is not None:
        values["trials"] = trials
    if tags:
        values["name"] = re.sub(r"[^A-Za-z0-9._-]", "-", f"{spec.name}-{'-'.join(tags)}")[:100]
    return validate(SweepSpec, values, f"sweep {spec.name}")
