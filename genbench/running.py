"""One run: train → sample → evaluate, each stage reused when its hash is already done."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import torch

from genbench import __version__
from genbench.api import GenbenchError, Learner
from genbench.checkpoints import History, save_tensors
from genbench.errors import RunError
from genbench.files import whole_file
from genbench.hashing import derive_seed
from genbench.observing import Observer
from genbench.planning import Plan
from genbench.resources import MEGABYTE, MemoryMeter, describe_machine, warm_up
from genbench.stages import Outcome, StageStore
from genbench.training import Training

Result = TypeVar("Result")

RECORD_SCHEMA = 1
"""Version of ``result.json``."""

CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.csv"
WEIGHTS = "weights.safetensors"
SHEET = "samples.png"


class Runner:
    """Carries plans out. Trained networks of the latest run stay at hand, so that sampling need not load them again."""

    def __init__(self, results: Path) -> None:
        self.stages = StageStore(results / "stages")
        self._latest: tuple[str, Training] | None = None

    def run(self, plan: Plan, observer: Observer | None = None) -> dict[str, Any]:
        """Do what of the run is not yet done, and return its full record (the content of ``result.json``).

        Raises:
            Diverged: training did not stay finite.
            RunError: the family's code failed, with its own error as the cause.
            GenbenchError: bad input, such as a configuration that does not fit the data.
        """
        observer = observer or Observer()
        try:
            train = self._train(plan, observer)
            sample = self._sample(plan, train, observer)
            evaluate = self._evaluate(plan, sample, observer)
        finally:
            self._latest = None
        return run_record(plan, train, sample, evaluate)

    def trained(self, plan: Plan, train: Outcome) -> Training:
        """The trained networks of a finished train stage."""
        if self._latest is not None and self._latest[0] == plan.train_hash:
            return self._latest[1]
        return self._training(plan, train.folder)

    def _train(self, plan: Plan, observer: Observer) -> Outcome:
        def compute(folder: Path) -> dict[str, Any]:
            warm_up(plan.device)
            with MemoryMeter(plan.device) as memory:
                training = self._training(plan, folder)
                _guarded(plan, "training", lambda: training.run(observer))
            self._latest = (plan.train_hash, training)
            write_history(folder / HISTORY, training.history)
            write_weights(folder / WEIGHTS, training)
            return {**training.costs(), "peak_memory_mb": memory.peak / MEGABYTE, **_provenance(plan)}

        observer.stage_started("train", 1.0, "budget")
        outcome = self.stages.obtain("train", plan.train_hash, compute, waiting=lambda: None)
        if outcome.reused:
            for name, (steps, values) in read_history(outcome.folder / HISTORY).items():
                observer.scalars(name, steps, values)
        observer.stage_finished("train", reused=outcome.reused)
        return outcome

    def _sample(self, plan: Plan, train: Outcome, observer: Observer) -> Outcome:
        def compute(folder: Path) -> dict[str, Any]:
            training = self.trained(plan, train)
            with MemoryMeter(plan.device) as memory, training.applied() as learner:
                costs = _guarded(plan, "sampling", lambda: plan.task.produce(learner, plan, folder, observer))
            return {**costs, "sample_memory_mb": memory.peak / MEGABYTE, **_provenance(plan)}

        outcome = self.stages.obtain("sample", plan.sample_hash, compute, waiting=lambda: None)
        observer.stage_finished("sample", reused=outcome.reused)
        return outcome

    def _evaluate(self, plan: Plan, sample: Outcome, observer: Observer) -> Outcome:
        def compute(folder: Path) -> dict[str, Any]:
            values = _guarded(plan, "measuring", lambda: plan.task.measure(plan, sample.folder, observer))
            plan.task.sheet([(plan.spec.family, sample.folder)], folder / SHEET, title=plan.label)
            return {"values": [asdict(value) for value in values], **_provenance(plan)}

        outcome = self.stages.obtain("evaluate", plan.evaluate_hash, compute, waiting=lambda: None)
        observer.stage_finished("evaluate", reused=outcome.reused)
        return outcome

    def _training(self, plan: Plan, folder: Path) -> Training:
        resolved = plan.resolved
        batch_size = int(getattr(resolved.train, "batch_size", 128))
        return Training(
            _guarded(plan, "building the networks", lambda: build_learner(plan)),
            plan.task.batches(
                batch_size=batch_size, seed=plan.seed, device=plan.device, augment=plan.spec.data.augment
            ),
            batch_size=batch_size,
            budget=resolved.budget,
            seed=plan.seed,
            device=plan.device,
            precision=plan.precision,
            checkpoint=folder / CHECKPOINT,
        )


def build_learner(plan: Plan) -> Learner:
    """A fresh learner for a plan, its initial weights derived from the plan's seed."""
    family, resolved = plan.resolved.family, plan.resolved
    guided = family.needs_guide(resolved.train) or family.needs_guide(resolved.sample)
    guide = plan.task.guide(plan.device) if guided else None
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(plan.seed, "init"))
        return family.learner(resolved.train, plan.task.info, guide=guide)


def write_weights(path: Path, training: Training) -> None:
    """Write the networks as they are sampled from (averaged where the family averages) as safetensors."""
    with training.applied() as learner:
        tensors = {
            f"{name}.{key}": value.detach().to("cpu", copy=True).contiguous()
            for name, network in learner.networks.items()
            for key, value in network.state_dict().items()
        }
    save_tensors(path, tensors, {"format": "pt"})


def write_history(path: Path, history: History) -> None:
    """Write a training history as CSV with the columns name, step, value."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "step", "value"])
        for name, steps in history.steps.items():
            writer.writerows((name, step, repr(value)) for step, value in zip(steps, history.values[name], strict=True))


def read_history(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Read what `write_history` wrote: steps and values by name."""
    history: dict[str, tuple[list[int], list[float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            steps, values = history.setdefault(row["name"], ([], []))
            steps.append(int(row["step"]))
            values.append(float(row["value"]))
    return history


def run_record(plan: Plan, train: Outcome, sample: Outcome, evaluate: Outcome) -> dict[str, Any]:
    """The full record of a run, as kept in ``result.json``."""
    spec, resolved, info = plan.spec, plan.resolved, plan.task.info
    measured = {
        value["name"]: {"value": value["value"], "identity": value["identity"], "ceiling": value["ceiling"]}
        for value in evaluate.record["values"]
    }
    return {
        "schema": RECORD_SCHEMA,
        "run": plan.run_hash,
        "label": plan.label,
        "task": plan.task.task,
        "family": spec.family,
        "family_version": resolved.family.version,
        "preset": spec.preset,
        "dataset": info.name,
        "resolution": info.resolution,
        "data_identity": plan.task.identity,
        "repetition": spec.repetition,
        "seed": plan.seed,
        "budget": str(resolved.budget),
        "train_config": resolved.train.model_dump(mode="json"),
        "sample_config": resolved.sample.model_dump(mode="json"),
        "precision": plan.precision,
        "spec": spec.model_dump(mode="json"),
        "metrics": {**measured, **_costs(plan, train.record, sample.record)},
        "stages": {
            "train": {"hash": plan.train_hash, **train.record},
            "sample": {"hash": plan.sample_hash, **sample.record},
            "evaluate": {"hash": plan.evaluate_hash, **_provenance(plan, evaluate.record)},
        },
    }


_COSTS = {
    "train_s": "train",
    "train_flop": "train",
    "train_pictures": "train",
    "pictures_per_s": "train",
    "parameters": "train",
    "peak_memory_mb": "train",
    "sample_s": "sample",
    "evaluations": "sample",
}


def _costs(plan: Plan, train: dict[str, Any], sample: dict[str, Any]) -> dict[str, Any]:
    """Costs as metrics: what depends on the machine carries the machine in its identity."""
    records = {"train": train, "sample": sample}
    result = {}
    for name, stage in _COSTS.items():
        if name not in records[stage]:
            continue
        identity: dict[str, Any] = {"metric": name}
        if name not in ("parameters", "evaluations", "train_pictures", "train_flop"):
            machine = records[stage]["machine"]
            identity |= {
                "machine": machine.get("gpu", machine["cpu"]),
                "threads": machine["threads"],
                "device": plan.device.type,
                "precision": plan.precision,
            }
        result[name] = {"value": records[stage][name], "identity": identity, "ceiling": None}
    return result


def _guarded(plan: Plan, doing: str, call: Callable[[], Result]) -> Result:
    """Run a family's code; whatever it raises becomes one line that names the family."""
    where = f"{plan.spec.family} (seed {plan.spec.repetition}): {doing} failed"
    try:
        return call()
    except GenbenchError:
        raise
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RunError(f"{where}: out of memory: lower train.batch_size or sample.batch_size") from error
    except Exception as error:  # a family is a stranger's code
        cause = (str(error).splitlines() or [""])[0]
        raise RunError(f"{where}: {type(error).__name__}: {cause}") from error


def _provenance(plan: Plan, record: dict[str, Any] | None = None) -> dict[str, Any]:
    """Machine, version and time: taken now, or from an earlier record."""
    keys = ("machine", "genbench", "finished")
    if record is not None:
        return {key: record[key] for key in keys}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return dict(zip(keys, (describe_machine(plan.device), __version__, now), strict=True))
