"""What a sweep would run, and about how long that takes: measured on a few steps of the real thing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from genbench.api import GenerativeLearner
from genbench.budgets import Budget
from genbench.errors import GenbenchError
from genbench.planning import Plan
from genbench.resources import warm_up
from genbench.running import build_learner
from genbench.sweeping.driving import listed
from genbench.sweeping.space import row_of
from genbench.sweeping.specification import SweepSpec
from genbench.training import Training
from genbench.workbench import Workbench

TIMED_STEPS = 2
TIMED_PICTURES = 4


@dataclass(frozen=True)
class Expected:
    """One configuration of a dry run.

    Attributes:
        label: the configuration.
        budget: what it trains for.
        trainings: how many of its seeds have a training of their own that is not done; others reuse one.
        train_s, sample_s: seconds for one seed, for what is not done; None where it could not be measured.
        problem: why not.
    """

    label: str
    budget: str
    trainings: int
    train_s: float | None
    sample_s: float | None
    problem: str = ""

    @property
    def seconds(self) -> float:
        """For all seeds."""
        return self.trainings * (self.train_s or 0.0) + (self.sample_s or 0.0)


def expected(spec: SweepSpec, bench: Workbench) -> list[Expected]:
    """What every configuration would cost. Of an endless space, its corners stand for the trials.

    Trainings that several configurations share, or that are done, are counted once or not at all.
    """
    seen: set[str] = set()
    return [_one(spec, bench, number, seen) for number in range(len(listed(spec)))]


def total(spec: SweepSpec, lines: Sequence[Expected]) -> float:
    """Seconds for the whole sweep with one worker."""
    seconds = sum(line.seconds for line in lines)
    return seconds if spec.sampler.name == "grid" else seconds / len(lines) * (spec.trials or 1)


def _one(spec: SweepSpec, bench: Workbench, number: int, seen: set[str]) -> Expected:
    row = row_of(spec, listed(spec)[number])
    plans = [bench.plan(spec.comparison([row]).run_spec(row, seed)) for seed in range(spec.seeds)]
    budget, stages = plans[0].resolved.budget, bench.runner.stages
    new = [plan for plan in plans if plan.train_hash not in seen and not stages.find("train", plan.train_hash)]
    seen.update(plan.train_hash for plan in plans)
    unsampled = [plan for plan in plans if not stages.find("sample", plan.sample_hash)]
    label = str(row.label)
    if not unsampled:
        return Expected(label, str(budget), 0, None, None)
    try:
        train_s, sample_s = _measure(plans[0], budget)
    except (GenbenchError, RuntimeError, ValueError) as error:
        return Expected(label, str(budget), len(new), None, None, (str(error).splitlines() or [""])[0])
    return Expected(label, str(budget), len(new), train_s, None if sample_s is None else sample_s * len(unsampled))


def _measure(plan: Plan, budget: Budget) -> tuple[float, float | None]:
    """Seconds of training by the budget, and of sampling once."""
    warm_up(plan.device)
    train = plan.resolved.train
    batch_size = int(getattr(train, "batch_size", 128))
    learner = build_learner(plan)
    batches = plan.task.batches(
        batch_size=batch_size, seed=plan.seed, device=plan.device, augment=plan.spec.data.augment
    )

    def training(steps: int) -> Training:
        return Training(
            learner,
            batches,
            batch_size=batch_size,
            budget=Budget("steps", steps),
            seed=plan.seed,
            device=plan.device,
            precision=plan.precision,
            compile=plan.spec.compile,
        )

    timed = training(1 + TIMED_STEPS)
    timed.run()
    costs = timed.costs()
    step_s = costs["train_s"] / TIMED_STEPS  # the first step is off the clock: it counts operations
    used = budget.spent(pictures=batch_size, steps=1, seconds=step_s, flop=int(costs["flop_per_step"]))
    train_s = step_s / used
    if not isinstance(learner, GenerativeLearner):
        return train_s, None
    info = plan.task.info
    conditions = torch.eye(len(info.conditions), device=plan.device)[:TIMED_PICTURES]
    with timed.applied():
        began = time.perf_counter()
        learner.sample(conditions, plan.resolved.sample, generator=torch.Generator(plan.device).manual_seed(0))
        took = time.perf_counter() - began
    return train_s, took / len(conditions) * _pictures(plan)


def _pictures(plan: Plan) -> int:
    """About how many pictures are sampled: for FID, and for two condition lists where the data have such."""
    evaluation, (for_fid, for_list) = plan.spec.evaluation, plan.spec.default_pictures
    lists = 0 if plan.task.info.exclusive else 2
    return (evaluation.pictures or for_fid) + lists * (evaluation.list_pictures or for_list)
