"""From what was asked for to what will run: presets filled in, data opened, seeds and stage hashes derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel

from genbench import plugins
from genbench.api import DataInfo, Family, Preset
from genbench.budgets import Budget
from genbench.distributing import launching
from genbench.errors import ConfigError
from genbench.hashing import content_hash, derive_seed
from genbench.precision import Precision, resolve_device, resolve_precision
from genbench.specs import RowSpec, RunSpec, Selection, validate

if TYPE_CHECKING:
    from genbench.tasks.base import OpenTask

TRAINING_VERSION = 2
"""Raised when the core's loop would give other weights for the same configuration, or choose others of them."""
SAMPLING_VERSION = 1
"""Raised when the core would hand other conditions or start noise to a family."""


@dataclass(frozen=True)
class Resolved:
    """A row's configuration with its preset filled in."""

    family: Family
    preset: str
    train: BaseModel
    sample: BaseModel
    budget: Budget


@dataclass(frozen=True)
class Plan:
    """Everything that determines a run.

    ``train_hash``, ``sample_hash`` and ``evaluate_hash`` name the stages' results: equal hash, equal result.
    ``run_hash`` names the run under its family's own name. Several processes train as one does within rounding only, so
    their number is part of the hashes.
    """

    spec: RunSpec
    resolved: Resolved
    task: OpenTask
    seed: int
    device: torch.device
    precision: Precision
    train_hash: str
    sample_hash: str
    evaluate_hash: str
    run_hash: str

    @property
    def processes(self) -> int:
        """How many processes share the training."""
        return self.spec.processes

    @property
    def label(self) -> str:
        """What the run is called, e.g. ``ddpm · digits 16 · quick · seed 0``."""
        info = self.task.info
        return f"{self.spec.title} · {info.name} {info.resolution} · {self.spec.preset} · seed {self.spec.repetition}"


def resolve(row: RowSpec, info: DataInfo) -> Resolved:
    """Fill a row's preset in for the data's resolution, then apply the row's own changes.

    Raises:
        PluginError: unknown or broken family.
        ConfigError: unknown preset, unknown or malformed keys, a budget that is not understood, a way of sampling that
            the family refuses for such a training.
    """
    family = plugins.family(row.family)
    plugins.check_choice(f"preset of {row.family}", row.preset, family.presets)
    preset = family.presets[row.preset]
    at = _at_resolution(preset, info.resolution)
    where = f"{row.family}:{row.preset}"
    train = {**preset.train, **at.get("train", {}), **row.train}
    sample = {**preset.sample, **at.get("sample", {}), **row.sample}
    budget = at.get("budget", preset.budget) if row.budget is None else row.budget
    resolved = Resolved(
        family=family,
        preset=row.preset,
        train=validate(family.TrainConfig, train, f"{where} train"),
        sample=validate(family.SampleConfig, sample, f"{where} sample"),
        budget=Budget.parse(budget, train_size=info.train_size),
    )
    family.check(resolved.train, resolved.sample)
    return resolved


def plan(spec: RunSpec, task: OpenTask) -> Plan:
    """Derive seed and stage hashes for one run on opened data. Raises as `resolve` and `check_selection` do.

    A family that is an upper bound (`Family.oracle`) gets the task with the target's labels.
    """
    resolved = resolve(spec, task.info)
    family = resolved.family
    if family.task != task.task:
        raise ConfigError(
            f"family {spec.family!r} does {family.task}, but data {spec.data.name!r} is for {task.task}: "
            f"{'use source:target data' if family.task == 'adaptation' else 'use a single data set'}"
        )
    check_selection(spec.selection, task)
    if family.oracle:
        task = task.oracle()
    device = resolve_device(spec.device)
    precision = resolve_precision(spec.precision, device)
    processes = spec.processes
    launching.check(processes, batch_size=batch_size(resolved), device=device)
    if processes > 1 and spec.compile != "off":
        raise ConfigError(f"--compile {spec.compile} trains in one process: leave --processes {processes} out")
    seed = derive_seed("genbench", "repetition", spec.repetition)
    train_hash = content_hash(
        {
            "stage": "train",
            "core": TRAINING_VERSION,
            "family": family.trains_as or family.name,
            "version": family.version,
            "config": resolved.train.model_dump(mode="json"),
            "budget": [resolved.budget.unit, resolved.budget.amount],
            "data": task.identity,
            "augment": spec.data.augment,
            "seed": seed,
            "device": device.type,
            "precision": precision,
            "guide": task.guide_hash() if family.needs_guide(resolved.train) else None,
            "selection": _own_scores(spec, task),
            **({"processes": processes} if processes > 1 else {}),
            **({"compile": spec.compile} if spec.compile != "off" else {}),
        }
    )
    sample_hash = content_hash(
        {
            "stage": "sample",
            "core": SAMPLING_VERSION,
            "train": train_hash,
            "selection": spec.selection,
            "config": resolved.sample.model_dump(mode="json"),
            "guide": task.guide_hash() if family.needs_guide(resolved.sample) else None,
            "sets": task.sample_identity(spec),
        }
    )
    evaluate_hash = content_hash({"stage": "evaluate", "sample": sample_hash, "measures": task.measure_identity(spec)})
    return Plan(
        spec=spec,
        resolved=resolved,
        task=task,
        seed=seed,
        device=device,
        precision=precision,
        train_hash=train_hash,
        sample_hash=sample_hash,
        evaluate_hash=evaluate_hash,
        run_hash=content_hash({"family": family.name, "evaluate": evaluate_hash}),
    )


def batch_size(resolved: Resolved) -> int:
    """Pictures a training step, all processes together."""
    return int(getattr(resolved.train, "batch_size", 128))


def check_selection(selection: Selection, task: OpenTask) -> None:
    """Raise `ConfigError` when weights for this task cannot be chosen so."""
    if selection not in task.selections:
        known = ", ".join(task.selections)
        raise ConfigError(f"selection {selection!r} is not for {task.task}: choose one of {known}")


def preset_sample(spec: RowSpec, info: DataInfo) -> BaseModel:
    """How the row's preset samples, without the row's own changes: what weights are scored with during training."""
    return resolve(spec.model_copy(update={"sample": {}}), info).sample


def _own_scores(spec: RunSpec, task: OpenTask) -> Mapping[str, Any] | None:
    """What of the guide and of sampling training's scores depend on; None where they depend on neither."""
    if spec.selection == "oracle":
        return {"name": "oracle"}
    if spec.selection == "guide" or task.looks_at_samples(plugins.family(spec.family)):
        sample = preset_sample(spec, task.info).model_dump(mode="json")
        name = "guide" if spec.selection == "guide" else "looks"
        return {"name": name, "guide": task.guide_hash(), "sample": sample}
    return None


def _at_resolution(preset: Preset, resolution: int) -> Mapping[str, Any]:
    fitting = [key for key in preset.at if key <= resolution]
    changes = preset.at[max(fitting)] if fitting else {}
    for key in changes:
        plugins.check_choice("key in a preset's changes by resolution", key, ("budget", "train", "sample"))
    return changes
