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
from genbench.errors import ConfigError
from genbench.hashing import content_hash, derive_seed
from genbench.precision import Precision, resolve_device, resolve_precision
from genbench.specs import RowSpec, RunSpec, validate

if TYPE_CHECKING:
    from genbench.tasks.base import OpenTask

TRAINING_VERSION = 1
"""Raised when the core's loop would give other weights for the same configuration."""
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
    ``run_hash`` names the run under its family's own name.
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
    def label(self) -> str:
        """What the run is called, e.g. ``ddpm · digits 16 · quick · seed 0``."""
        info = self.task.info
        name = self.spec.label or self.spec.family
        return f"{name} · {info.name} {info.resolution} · {self.spec.preset} · seed {self.spec.repetition}"


def resolve(row: RowSpec, info: DataInfo) -> Resolved:
    """Fill a row's preset in for the data's resolution, then apply the row's own changes.

    Raises:
        PluginError: unknown or broken family.
        ConfigError: unknown preset, unknown or malformed keys, a budget that is not understood.
    """
    family = plugins.family(row.family)
    plugins.check_choice(f"preset of {row.family}", row.preset, family.presets)
    preset = family.presets[row.preset]
    at = _at_resolution(preset, info.resolution)
    where = f"{row.family}:{row.preset}"
    train = {**preset.train, **at.get("train", {}), **row.train}
    sample = {**preset.sample, **at.get("sample", {}), **row.sample}
    budget = at.get("budget", preset.budget) if row.budget is None else row.budget
    return Resolved(
        family=family,
        preset=row.preset,
        train=validate(family.TrainConfig, train, f"{where} train"),
        sample=validate(family.SampleConfig, sample, f"{where} sample"),
        budget=Budget.parse(budget, train_size=info.train_size),
    )


def plan(spec: RunSpec, task: OpenTask) -> Plan:
    """Derive seed and stage hashes for one run on opened data. Raises as `resolve` does."""
    resolved = resolve(spec, task.info)
    family = resolved.family
    if family.task != task.task:
        raise ConfigError(
            f"family {spec.family!r} does {family.task}, but data {spec.data.name!r} is for {task.task}: "
            f"{'use source:target data' if family.task == 'adaptation' else 'use a single data set'}"
        )
    device = resolve_device(spec.device)
    precision = resolve_precision(spec.precision, device)
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
        }
    )
    sample_hash = content_hash(
        {
            "stage": "sample",
            "core": SAMPLING_VERSION,
            "train": train_hash,
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


def _at_resolution(preset: Preset, resolution: int) -> Mapping[str, Any]:
    fitting = [key for key in preset.at if key <= resolution]
    changes = preset.at[max(fitting)] if fitting else {}
    for key in changes:
        plugins.check_choice("key in a preset's changes by resolution", key, ("budget", "train", "sample"))
    return changes
