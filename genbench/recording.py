"""A run's record, the content of ``result.json``: configuration, measures, costs, and what a reader must know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from genbench import __version__
from genbench.planning import Plan
from genbench.resources import describe_machine
from genbench.selection import FINAL, FINAL_WORDS
from genbench.stages import Outcome

RECORD_SCHEMA = 2
"""Version of ``result.json``."""


def run_record(plan: Plan, train: Outcome, sample: Outcome, evaluate: Outcome) -> dict[str, Any]:
    """The full record of a run, as kept in ``result.json``."""
    spec, resolved, info = plan.spec, plan.resolved, plan.task.info
    measured = {value["name"]: _measured(value) for value in evaluate.record["values"]}
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
        "processes": plan.processes,
        "compile": spec.compile,
        "spec": spec.model_dump(mode="json"),
        "selection": _selection(plan, train.record),
        "marks": marks(plan),
        "metrics": {**measured, **_costs(plan, train.record, sample.record)},
        "stages": {
            "train": {"hash": plan.train_hash, **train.record},
            "sample": {"hash": plan.sample_hash, **sample.record},
            "evaluate": {"hash": plan.evaluate_hash, **provenance(plan, evaluate.record)},
        },
    }


def _measured(value: dict[str, Any]) -> dict[str, Any]:
    """A value as records keep it: always with identity and ceiling, with its uncertainty where it has one."""
    uncertain = ("low", "high", "stderr_generated", "stderr_reference")
    known = {key: value[key] for key in uncertain if value.get(key) is not None}
    return {"value": value["value"], "identity": value["identity"], "ceiling": value["ceiling"], **known}


def marks(plan: Plan) -> list[str]:
    """What a reader of a table must know about a run."""
    resolved = plan.resolved
    needs = resolved.family.needs_guide
    remarks = {
        "trained with the guide": needs(resolved.train),
        "evaluator-guided": needs(resolved.sample),
        "trained on the target's labels (upper bound)": resolved.family.oracle,
        "selected by target labels (oracle)": plan.spec.selection == "oracle",
    }
    return [*(remark for remark, applies in remarks.items() if applies), *resolved.family.remarks(resolved.train)]


def _selection(plan: Plan, train: dict[str, Any]) -> dict[str, Any]:
    """How the weights were chosen, by which score, after how many steps, and that score."""
    name = plan.spec.selection
    if name == FINAL:
        return {"name": name, "score": FINAL_WORDS, "step": train["train_steps"], "value": None}
    return {"name": name, **train["selections"][name]}


_COSTS = {
    "train_s": "train",
    "train_flop": "train",
    "train_pictures": "train",
    "pictures_per_s": "train",
    "parameters": "train",
    "peak_memory_mb": "train",
    "sample_s": "sample",
    "evaluations": "sample",
    "sample_flop": "sample",
    "sample_memory_mb": "sample",
}

_ANYWHERE = frozenset({"parameters", "evaluations", "train_pictures", "train_flop", "sample_flop"})
"""Costs that are the same on every machine."""


def _costs(plan: Plan, train: dict[str, Any], sample: dict[str, Any]) -> dict[str, Any]:
    """Costs as metrics: what depends on the machine carries the machine in its identity."""
    records = {"train": train, "sample": sample}
    result = {}
    for name, stage in _COSTS.items():
        if name not in records[stage]:
            continue
        identity: dict[str, Any] = {"metric": name}
        if name not in _ANYWHERE:
            machine = records[stage]["machine"]
            identity |= {
                "machine": machine.get("gpu", machine["cpu"]),
                "threads": machine["threads"],
                "device": plan.device.type,
                "precision": plan.precision,
            }
            if stage == "train" and plan.processes > 1:
                identity["processes"] = plan.processes
            if stage == "train" and plan.spec.compile != "off":
                identity["compile"] = plan.spec.compile
        result[name] = {"value": records[stage][name], "identity": identity, "ceiling": None}
    return result


def provenance(plan: Plan, record: dict[str, Any] | None = None) -> dict[str, Any]:
    """Machine, version and time: taken now, or from an earlier record."""
    keys = ("machine", "genbench", "finished")
    if record is not None:
        return {key: record[key] for key in keys}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return dict(zip(keys, (describe_machine(plan.device), __version__, now), strict=True))
