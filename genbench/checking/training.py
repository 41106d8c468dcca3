"""The checks of what training touches, which are the same for every task."""

from __future__ import annotations

import itertools
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from genbench.api import AdaptationLearner, GenerativeLearner, Learner
from genbench.budgets import Budget
from genbench.checking.contract import Violation
from genbench.checking.subject import CPU, SEED, STEPS, CutShort, Subject
from genbench.precision import Precision, prepare

INTERRUPTED_AT = 7
"""Odd, so that a forgotten counter of a small period is out of step after resuming."""
GRADIENT_STEPS = 20
"""Layers that start at zero pass no gradient on at first, and conditions may be dropped most of the time."""


def state(subject: Subject) -> str:
    """Everything trainable is in `networks` and belongs to an optimiser, and averages name networks that exist."""
    learner = subject.learner(subject.toys)
    expected = GenerativeLearner if subject.family.task == "generation" else AdaptationLearner
    if not isinstance(learner, expected):
        raise Violation(
            f"{type(learner).__name__} is not a {expected.__name__}, which task {subject.family.task} needs"
        )
    if not learner.networks:
        raise Violation("networks is empty")
    if slashed := [name for name in (*learner.networks, *learner.optimizers) if "/" in name]:
        raise Violation(f"name {slashed[0]!r} contains a slash")
    _averaging(learner)
    owned = {id(parameter) for network in learner.networks.values() for parameter in network.parameters()}
    for name, optimizer in learner.optimizers.items():
        foreign = sum(id(p) not in owned for group in optimizer.param_groups for p in group["params"])
        if foreign:
            raise Violation(f"optimizer {name!r} has {foreign} parameters that are in no network: they are not saved")
    idle = [name for name, p in trainable(learner).items() if id(p) not in _optimised(learner)]
    if idle:
        raise Violation(f"no optimizer has {_listed(idle)}: add them or set requires_grad to False")
    learner.load_extra_state(learner.extra_state())
    numbers = sum(p.numel() for p in trainable(learner).values())
    return f"{len(learner.networks)} networks, {numbers:,} trainable parameters"


def step(subject: Subject) -> str:
    """A step returns finite, detached scalars, `monitor` among them, whatever the progress and the precision."""
    modes: tuple[tuple[Precision, float], ...] = (("float32", 0.0), ("float32", 0.999), ("bfloat16", 0.5))
    names: set[str] = set()
    for precision, progress in modes:
        learner = subject.learner(subject.toys)
        prepare(learner.networks.values(), CPU, precision)
        torch.manual_seed(SEED)
        scalars = learner.step(subject.batches(subject.toys).batch(0), progress)
        for name, value in scalars.items():
            if problem := _scalar_problem(value):
                raise Violation(f"step returns {name} that is {problem} (precision {precision}, progress {progress})")
        if learner.monitor is not None and learner.monitor not in scalars:
            raise Violation(f"monitor is {learner.monitor!r}, but step returns only {_listed(list(scalars))}")
        names |= set(scalars)
    return _listed(sorted(names))


def gradients(subject: Subject) -> str:
    """Within 20 steps, every trainable parameter has met a gradient that is not zero when its optimiser steps."""
    training = subject.training(subject.toys, Budget("steps", GRADIENT_STEPS))
    parameters = trainable(training.learner)
    reached: set[int] = set()

    def look(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001
        for parameter in (p for group in optimizer.param_groups for p in group["params"]):
            if id(parameter) not in reached and parameter.grad is not None and bool(parameter.grad.any()):
                reached.add(id(parameter))

    for optimizer in training.learner.optimizers.values():
        optimizer.register_step_pre_hook(look)
    training.run()
    dead = [name for name, parameter in parameters.items() if id(parameter) not in reached]
    if dead:
        raise Violation(f"no gradient in {GRADIENT_STEPS} steps reaches {_listed(dead)}")
    return f"{len(parameters)} parameter tensors"


def resume(subject: Subject) -> str:
    """Training that is interrupted and resumed in a fresh learner ends with the same bits as without interruption."""
    total = 2 * INTERRUPTED_AT
    budget = CutShort("steps", total, stop=INTERRUPTED_AT)
    with tempfile.TemporaryDirectory(prefix="genbench-check-") as folder:
        whole, broken, again = (Path(folder) / f"{name}.safetensors" for name in ("whole", "broken", "again"))
        uninterrupted = subject.training(subject.toys, Budget("steps", total), checkpoint=whole)
        uninterrupted.run()
        subject.training(subject.toys, budget, checkpoint=broken).run()
        resumed = subject.training(subject.toys, Budget("steps", total), checkpoint=broken)
        resumed.run()
        different = _differences(whole, broken)
        if not different:
            return f"{total} steps are {INTERRUPTED_AT} + {INTERRUPTED_AT}, in every bit"
        subject.training(subject.toys, Budget("steps", total), checkpoint=again).run()
        repeatable = not _differences(whole, again)
    if not repeatable:
        raise Violation(
            f"two trainings with the same seed differ in {_listed(different)}: draw only from torch's generators"
        )
    forgotten = _different_attributes(uninterrupted.learner, resumed.learner)
    hint = f"; the learner's {_listed(forgotten)} differ too: return them from extra_state" if forgotten else ""
    raise Violation(f"after resuming, {_listed(different)} differ{hint}")


def training(subject: Subject) -> str:
    """400 steps on the toy set end without diverging."""
    costs = subject.trained.costs()
    info = subject.toys.info
    return f"{STEPS} steps at {info.resolution}×{info.resolution}, {1e3 * costs['train_s'] / STEPS:.3g} ms each"


def trainable(learner: Learner) -> dict[str, nn.Parameter]:
    """The learner's trainable parameters by ``network.parameter``."""
    return {
        f"{name}.{key}": parameter
        for name, network in learner.networks.items()
        for key, parameter in network.named_parameters()
        if parameter.requires_grad
    }


def _averaging(learner: Learner) -> None:
    averaging = learner.averaging
    if averaging is None:
        return
    unknown = [name for name in averaging.networks if name not in learner.networks]
    if unknown:
        raise Violation(f"averaging names {_listed(unknown)}, but networks are {_listed(list(learner.networks))}")
    if not 0 <= averaging.decay < 1 or averaging.warmup < 1:
        raise Violation(f"averaging needs 0 ≤ decay < 1 and warmup ≥ 1, not {averaging.decay} and {averaging.warmup}")


def _optimised(learner: Learner) -> set[int]:
    groups = itertools.chain.from_iterable(optimizer.param_groups for optimizer in learner.optimizers.values())
    return {id(parameter) for group in groups for parameter in group["params"]}


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, Tensor):
        if value.ndim:
            return f"a tensor of shape {tuple(value.shape)}, not 0-dimensional"
        if value.requires_grad:
            return "not detached"
    elif not isinstance(value, int | float):
        return f"a {type(value).__name__}, neither tensor nor float"
    return None if math.isfinite(float(value)) else f"{float(value)}"


def _differences(a: Path, b: Path) -> list[str]:
    """Names of what differs between two checkpoints, in any bit; times do not count."""
    (tensors_a, groups_a), (tensors_b, groups_b) = _read(a), _read(b)
    different = [
        key for key in tensors_a.keys() | tensors_b.keys() if not _same(tensors_a.get(key), tensors_b.get(key))
    ]
    different += [f"optimizers/{name}/hyperparameters" for name in groups_a if groups_a[name] != groups_b.get(name)]
    return sorted(different)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        return tensors, json.loads(file.metadata()["param_groups"])


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and a.dtype == b.dtype and torch.equal(a, b)


def _different_attributes(a: Learner, b: Learner) -> list[str]:
    """Plain numbers and tensors that two learners hold as attributes and that differ."""
    values_a, values_b = vars(a), vars(b)
    return sorted(key for key in values_a if _plain_difference(values_a[key], values_b.get(key)))


def _plain_difference(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return not _same(a, b)
    return isinstance(a, bool | int | float | str) and a != b


def _listed(names: list[str] | Mapping[str, Any], limit: int = 4) -> str:
    """Some names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
