"""Runs every row with every seed, and keeps what each gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genbench import plugins
from genbench.comparing.gathered import Gathered
from genbench.comparing.report import Report
from genbench.comparing.tabulating import tabulate
from genbench.errors import ConfigError, DiskFull, Diverged, GenbenchError, RunError
from genbench.hashing import content_hash
from genbench.specs import ComparisonSpec, RowSpec, as_toml
from genbench.tables import Comparison, Failure
from genbench.tasks.base import OpenTask
from genbench.workbench import Workbench


@dataclass(frozen=True)
class Compared:
    """A finished comparison: its table, and for each row that has one a folder of samples to show."""

    table: Comparison
    task: OpenTask
    samples: Sequence[tuple[str, Path]]


def compare(spec: ComparisonSpec, bench: Workbench, *, command: str = "", report: Report | None = None) -> Compared:
    """Run every row with every seed (reusing what is done) and make the table.

    A run that fails is counted and its reason kept; the others go on. Seeds are taken in turn over the rows, so that an
    interrupted comparison has complete repetitions.

    Raises:
        ConfigError, PluginError, DataError: bad input; nothing has run then.
        DiskFull: what was finished before is kept, and the same call goes on.
        RunError: when not a single run finished.
    """
    report = report or Report()
    check_same_task([row.family for row in spec.rows])
    labels = unique_labels(spec.rows)
    report.check(labels, spec.seeds)
    plans = {
        (label, repetition): bench.plan(spec.run_spec(row, repetition))
        for repetition in range(spec.seeds)
        for label, row in zip(labels, spec.rows, strict=True)
    }
    gathered = {label: Gathered(label, row) for label, row in zip(labels, spec.rows, strict=True)}
    for number, ((label, repetition), planned) in enumerate(plans.items(), 1):
        bench.announce(number, len(plans), planned)
        try:
            gathered[label].runs.append(bench.execute(planned))
        except DiskFull:
            raise  # whatever is computed next could not be kept either
        except GenbenchError as error:
            status = "diverged" if isinstance(error, Diverged) else "failed"
            gathered[label].failures.append(Failure(repetition, status, str(error)))
            bench.report_failure(planned.label, error)
    rows = list(gathered.values())
    if not any(entry.runs for entry in rows):
        reason = next(failure.reason for entry in rows for failure in entry.failures)
        raise RunError(f"no run finished; the first reason: {reason}")
    table = tabulate(
        spec, rows, plans[labels[0], 0].task, name=spec.name or default_name(spec), command=command, report=report
    )
    folders = [(label, bench.sample_folder(plans[label, 0])) for label in labels]
    table = replace(table, specification=as_toml(spec))
    return Compared(table, plans[labels[0], 0].task, [(label, path) for label, path in folders if path is not None])


def check_same_task(families: Sequence[str]) -> None:
    """Raise `ConfigError` when families do different things, naming which does what."""
    tasks = {name: plugins.family(name).task for name in families}
    if len(set(tasks.values())) > 1:
        listed = ", ".join(f"{name} does {task}" for name, task in tasks.items())
        raise ConfigError(f"families of different tasks cannot be compared: {listed}")


def unique_labels(rows: Sequence[RowSpec]) -> list[str]:
    """A distinct label for each row: its own, else the family, with the preset or a number where that is not enough.

    A row whose weights are not those at the end of training says so: ``ddpm@validation``.
    """
    families = [row.family for row in rows]
    presets = {family: {row.preset for row in rows if row.family == family} for family in families}
    tags = [selection_tag(row) for row in rows]
    labels: list[str] = []
    for row, tag in zip(rows, tags, strict=True):
        same = [other for other, t in zip(rows, tags, strict=True) if (other.family, t) == (row.family, tag)]
        named = f"{row.family}:{row.preset}" if len(same) > 1 or len(presets[row.family]) > 1 else row.family
        label = (row.label or named) + ("" if row.label and tag in row.label else tag)
        number, candidate = 2, label
        while candidate in labels:
            candidate, number = f"{label} ({number})", number + 1
        labels.append(candidate)
    return labels


def selection_tag(row: RowSpec) -> str:
    """``@validation`` for a row whose weights are chosen by that; nothing for final weights."""
    selection = str(getattr(row, "selection", "final"))
    return "" if selection == "final" else f"@{selection}"


def default_name(spec: ComparisonSpec) -> str:
    """A folder name from what is compared, e.g. ``ddpm-cgan-digits-quick``; settings of one's own add a hash."""
    parts = [row.family for row in spec.rows] + [spec.data.name.replace(":", "-")]
    if spec.data.resolution is not None:
        parts.append(str(spec.data.resolution))
    parts += sorted({row.preset for row in spec.rows})
    plain = ComparisonSpec(rows=tuple(RowSpec(family=row.family, preset=row.preset) for row in spec.rows))
    ignored = {"name", "data", "device", "precision"}
    if spec.model_dump(exclude=ignored) != plain.model_dump(exclude=ignored) or len("-".join(parts)) > 90:
        parts.append(content_hash(spec.model_dump(mode="json", exclude={"name"}))[:6])
    return "-".join(["-".join(parts[:-1])[:90], parts[-1]])
