"""From rows and seeds to a table: runs what is missing, gathers values, computes intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genbench import plugins
from genbench.errors import ConfigError, GenbenchError, RunError
from genbench.hashing import content_hash
from genbench.specs import ComparisonSpec, RowSpec
from genbench.statistics import t_interval
from genbench.tables import Better, Cell, Column, Comparison, Row
from genbench.tasks.base import OpenTask
from genbench.workbench import Finished, Workbench

REAL = "real data"
"""Label of the reference row: real pictures scored like generated ones."""


@dataclass
class Gathered:
    """What the runs of one row gave."""

    label: str
    spec: RowSpec
    runs: list[Finished] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The finished runs' records, in order of repetition."""
        return [run.record for run in self.runs]


@dataclass(frozen=True)
class Compared:
    """A finished comparison: its table, and for each row that has one a folder of samples to show."""

    table: Comparison
    task: OpenTask
    samples: Sequence[tuple[str, Path]]


def compare(spec: ComparisonSpec, bench: Workbench, *, command: str = "") -> Compared:
    """Run every row with every seed (reusing what is done) and make the table.

    A run that fails is counted and its reason kept; the others go on. Seeds are taken in turn over the rows, so that an
    interrupted comparison has complete repetitions.

    Raises:
        ConfigError, PluginError, DataError: bad input; nothing has run then.
        RunError: when not a single run finished.
    """
    check_same_task([row.family for row in spec.rows])
    labels = unique_labels(spec.rows)
    plans = {
        (label, repetition): bench.plan(spec.run_spec(row, repetition))
        for repetition in range(spec.seeds)
        for label, row in zip(labels, spec.rows, strict=True)
    }
    gathered = {label: Gathered(label, row) for label, row in zip(labels, spec.rows, strict=True)}
    for number, ((label, _), planned) in enumerate(plans.items(), 1):
        bench.announce(number, len(plans), planned)
        try:
            gathered[label].runs.append(bench.execute(planned))
        except GenbenchError as error:
            gathered[label].reasons.append(str(error))
            bench.report_failure(planned, error)
    rows = list(gathered.values())
    if not any(entry.runs for entry in rows):
        raise RunError(f"no run finished; the first reason: {next(r for entry in rows for r in entry.reasons)}")
    table = tabulate(spec, rows, plans[labels[0], 0].task, command=command)
    folders = [(label, bench.sample_folder(plans[label, 0])) for label in labels]
    return Compared(table, plans[labels[0], 0].task, [(label, path) for label, path in folders if path is not None])


def check_same_task(families: Sequence[str]) -> None:
    """Raise `ConfigError` when families do different things, naming which does what."""
    tasks = {name: plugins.family(name).task for name in families}
    if len(set(tasks.values())) > 1:
        listed = ", ".join(f"{name} does {task}" for name, task in tasks.items())
        raise ConfigError(f"families of different tasks cannot be compared: {listed}")


def unique_labels(rows: Sequence[RowSpec]) -> list[str]:
    """A distinct label for each row: its own, else the family, with the preset or a number where that is not enough."""
    families = [row.family for row in rows]
    labels: list[str] = []
    for row in rows:
        label = row.label or (row.family if families.count(row.family) == 1 else f"{row.family}:{row.preset}")
        number, candidate = 2, label
        while candidate in labels:
            candidate, number = f"{label} ({number})", number + 1
        labels.append(candidate)
    return labels


def tabulate(spec: ComparisonSpec, gathered: Sequence[Gathered], task: OpenTask, *, command: str) -> Comparison:
    """The table over finished runs. Values of one name and different identity get columns of their own."""
    columns = _columns(gathered)
    rows = [_row(entry, columns, spec.seeds) for entry in gathered]
    floor = _floor_row(gathered, columns)
    info = task.info
    budgets = sorted({record["budget"] for entry in gathered for record in entry.records})
    budget = f", budget {budgets[0]} for every row" if spec.budget else ""
    seeds = "1 seed" if spec.seeds == 1 else f"{spec.seeds} seeds"
    return Comparison(
        name=spec.name or default_name(spec),
        title=f"{info.name} at {info.resolution}×{info.resolution}, {seeds}{budget}",
        task=task.task,
        dataset=info.name,
        resolution=info.resolution,
        columns=[entry.column for entry in columns],
        rows=[*rows, *([floor] if floor else [])],
        notes=_notes(spec, gathered, task),
        command=command,
    )


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


# Heading, unit, which direction wins, and whether text tables show it (files for machines have every column).
_KNOWN: Mapping[str, tuple[str, str, Better, bool]] = {
    "accuracy": ("Accuracy", "", "higher", True),
    "exact_set": ("Exact set", "", "higher", True),
    "fid": ("FID", "", "lower", True),
    "target_accuracy": ("Target accuracy", "", "higher", True),
    "train_s": ("Training", "s", "lower", True),
    "sample_s": ("Sampling a picture", "s", "lower", True),
    "parameters": ("Parameters", "", "neither", True),
    "peak_memory_mb": ("Peak memory", "MB", "lower", True),
    "sample_memory_mb": ("Peak memory in sampling", "MB", "lower", False),
    "pictures_per_s": ("Training speed", "pictures/s", "higher", False),
    "train_pictures": ("Pictures seen", "", "neither", False),
    "train_flop": ("Training operations", "FLOP", "lower", False),
    "evaluations": ("Network evaluations a picture", "", "lower", False),
    "accuracy_guide": ("Accuracy (guide)", "", "higher", False),
}
_ORDER = list(_KNOWN)

_EXTRACTORS = {"inception-v3-compat": "Inception-v3", "referee-features": "referee"}
"""Short names of feature extractors, for headings."""


@dataclass(frozen=True)
class Measure:
    """A column and the (metric, identity) whose values it holds."""

    metric: str
    identity: Mapping[str, Any]
    column: Column


def _columns(gathered: Sequence[Gathered]) -> list[Measure]:
    """One column for each metric and identity that occurs, in a fixed order."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in gathered:
        for record in entry.records:
            for name, value in record["metrics"].items():
                if (name, value["identity"]) not in found:
                    found.append((name, value["identity"]))
    found.sort(key=lambda pair: _rank(pair[0]))
    names = [name for name, _ in found]
    measures = []
    for position, (name, identity) in enumerate(found):
        same = names[:position].count(name)
        measures.append(Measure(name, identity, _column(name, identity, f"{name} [{same + 1}]" if same else name)))
    return measures


def _rank(name: str) -> tuple[int, str]:
    stem = name.partition("/")[0]
    return (_ORDER.index(stem) if stem in _ORDER else len(_ORDER), name)


def _column(name: str, identity: Mapping[str, Any], key: str) -> Column:
    stem, _, part = name.partition("/")
    title, unit, better, shown = _KNOWN.get(stem) or _from_metric(stem)
    if part:
        title, shown = f"{title} ({part})", shown and stem == "accuracy"
    if "extractor" in identity:
        title = f"{title} ({_EXTRACTORS.get(str(identity['extractor']), identity['extractor'])})"
    suffix = key.removeprefix(name)
    note = ", ".join(f"{k} {v}" for k, v in identity.items() if k != "metric" and v is not None)
    return Column(key, title + suffix, unit=unit, better=better, identity=dict(identity), note=note, minor=not shown)


def _from_metric(name: str) -> tuple[str, str, Better, bool]:
    """Heading and direction of a plug-in's metric; values that only refine one are not shown in text tables."""
    if name in plugins.names("metrics"):
        metric = plugins.metric(name)
        return metric.title, "", metric.better, True
    return name, "", "neither", False


def _row(entry: Gathered, columns: Sequence[Measure], seeds: int) -> Row:
    cells = {}
    for measure in columns:
        found = [
            record["metrics"][measure.metric]
            for record in entry.records
            if record["metrics"].get(measure.metric, {}).get("identity") == measure.identity
        ]
        if found:
            values = [float(value["value"]) for value in found]
            interval = t_interval(values)
            low = interval.low
            if low is not None and min(values) >= 0:
                low = max(0.0, low)  # none of these quantities can be negative
            cells[measure.column.key] = Cell(interval.mean, low, interval.high, values, ceiling=found[0]["ceiling"])
    return Row(
        label=entry.label,
        family=entry.spec.family,
        preset=entry.spec.preset,
        seeds=seeds,
        failed=len(entry.reasons),
        cells=cells,
        runs=[run.id for run in entry.runs],
        reasons=entry.reasons,
    )


def _floor_row(gathered: Sequence[Gathered], columns: Sequence[Measure]) -> Row | None:
    """What real pictures score: the evaluator's ceilings, and the distance of real from real at the same n."""
    cells: dict[str, Cell] = {}
    records = [record for entry in gathered for record in entry.records]
    for measure in columns:
        for record in records:
            value = record["metrics"].get(measure.metric)
            if value is None or value["identity"] != measure.identity:
                continue
            floor = record["metrics"].get(f"{measure.metric}_floor", {}).get("value")
            real = value["ceiling"] if value["ceiling"] is not None else floor
            if real is not None:
                cells[measure.column.key] = Cell(real, None, None, [real])
            break
    if not cells:
        return None
    return Row(label=REAL, family="", preset="", seeds=0, failed=0, cells=cells, reference=True)


def _notes(spec: ComparisonSpec, gathered: Sequence[Gathered], task: OpenTask) -> list[str]:
    notes = []
    if spec.seeds > 1:
        notes.append(f"mean ± half width of the 95 % t interval over {spec.seeds} seeds")
    else:
        notes.append("one seed: no interval, so no claim that rows differ")
    if task.task == "generation":
        notes.append(f"{REAL}: what held-out pictures score, and the FID of training pictures against held-out ones")
    notes += [f"{entry.label}: {reason}" for entry in gathered for reason in entry.reasons]
    return notes
