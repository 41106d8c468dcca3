"""A table over finished runs, whichever commands they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from genbench.comparing.gathered import Gathered
from genbench.comparing.gathering import default_name, unique_labels
from genbench.comparing.report import Report
from genbench.comparing.tabulating import tabulate
from genbench.errors import ConfigError
from genbench.specs import ComparisonSpec, RowSpec, RunSpec, as_toml, validate
from genbench.tables import Comparison
from genbench.workbench import Finished, Workbench


def tabulate_runs(runs: Sequence[Finished], bench: Workbench, *, command: str) -> Comparison:
    """Runs that differ in their seed alone share a row; all must be on the same data, measured alike.

    Raises:
        ConfigError: a run is named twice, runs are on other data or measured otherwise, or rows have other seeds.
    """
    specs = [validate(RunSpec, run.record["spec"], f"run {run.id[:8]}") for run in runs]
    first = specs[0]
    for run, spec in zip(runs, specs, strict=True):
        for part in ("data", "evaluation", "device", "precision", "compile"):
            if getattr(spec, part) != getattr(first, part):
                raise ConfigError(f"runs {runs[0].id[:8]} and {run.id[:8]} have other {part}: they share no table")
    groups: dict[str, list[tuple[int, Finished]]] = {}
    rows: dict[str, RowSpec] = {}
    for run, spec in zip(runs, specs, strict=True):
        row = RowSpec.model_validate(spec.model_dump(include=set(RowSpec.model_fields)))
        key = row.model_dump_json() + str(spec.processes)
        rows[key] = row
        groups.setdefault(key, []).append((spec.repetition, run))
    seeds = [sorted(repetition for repetition, _ in group) for group in groups.values()]
    labels = unique_labels(list(rows.values()))
    for label, own in zip(labels, seeds, strict=True):
        if len(set(own)) < len(own):
            raise ConfigError(f"{label}: a seed is there twice: name each run once")
        if own != seeds[0]:
            raise ConfigError(f"{labels[0]} has seeds {seeds[0]} and {label} {own}: name runs of the same seeds")
    comparison = ComparisonSpec(
        rows=tuple(rows.values()),
        data=first.data,
        evaluation=first.evaluation,
        seeds=len(seeds[0]),
        device=first.device,
        precision=first.precision,
        compile=first.compile,
    )
    gathered = [
        Gathered(label, rows[key], [run for _, run in sorted(group, key=lambda entry: entry[0])])
        for label, (key, group) in zip(labels, groups.items(), strict=True)
    ]
    task = bench.open(first.data, first.evaluation, first.device)
    table = tabulate(comparison, gathered, task, name=default_name(comparison), command=command, report=Report())
    return replace(table, specification=as_toml(comparison))
