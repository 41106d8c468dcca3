"""From records to a table: intervals, comparisons with the best row, the reference row, fronts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from genbench.budgets import Budget
from genbench.comparing.gathered import Gathered
from genbench.comparing.measures import Measure, measures
from genbench.comparing.remarks import REAL, remarks
from genbench.comparing.report import IntervalKind, Report
from genbench.specs import ComparisonSpec
from genbench.statistics import (
    FEWEST_FOR_BOOTSTRAP,
    Interval,
    bootstrap_interval,
    pareto_front,
    standings,
    t_interval,
)
from genbench.tables import Against, Cell, Comparison, Front, Row
from genbench.tasks.base import OpenTask

_SIGNED = frozenset({"guide_gap"})
"""Quantities that may be negative; intervals of all others stop at zero when no value is below it."""

_SHARES = frozenset(
    {"accuracy", "authenticity", "coverage", "exact_set", "f1", "f1_micro", "precision", "recall", "target_accuracy"}
)
"""Quantities that cannot exceed one."""

_HEADLINES = ("fid", "target_accuracy", "accuracy")
"""Measures of quality, the first of which is the axis of the fronts."""

_COSTS = ("sample_s", "train_s")


def tabulate(
    spec: ComparisonSpec, gathered: Sequence[Gathered], task: OpenTask, *, name: str, command: str, report: Report
) -> Comparison:
    """The table over finished runs. Values of one name and different identity get columns of their own."""
    info = task.info
    records = [record for entry in gathered for record in entry.records]
    found = measures(records, exclusive=info.exclusive, columns=report.columns, metrics=spec.evaluation.metrics)
    rows = [_row(entry, found, spec.seeds, report.interval) for entry in gathered]
    if spec.seeds > 1:
        rows = _compared(rows, found, report.reference_row)
    floor = _floor_row(records, found)
    seeds = "1 seed" if spec.seeds == 1 else f"{spec.seeds} seeds"
    return Comparison(
        name=name,
        title=f"{info.name} at {info.resolution}×{info.resolution}, {seeds}{_same_budget(spec, records)}",
        task=task.task,
        dataset=info.name,
        resolution=info.resolution,
        columns=[measure.column for measure in found],
        rows=[*rows, *([floor] if floor else [])],
        notes=remarks(spec, gathered, rows, found, report, generation=task.task == "generation"),
        command=command,
        fronts=_fronts(rows, found),
        reference_row=report.reference_row,
        interval=report.interval,
    )


def _same_budget(spec: ComparisonSpec, records: Sequence[Mapping[str, Any]]) -> str:
    """``, 120 s of training for every row`` when the comparison fixes the budget."""
    if spec.budget is None:
        return ""
    budgets = sorted({str(record["budget"]) for record in records})
    words = Budget.parse(budgets[0], train_size=1).words if len(budgets) == 1 else f"budget {spec.budget}"
    return f", {words} for every row"


def _row(entry: Gathered, found: Sequence[Measure], seeds: int, kind: IntervalKind) -> Row:
    cells = {measure.column.key: cell for measure in found if (cell := _cell(entry.records, measure, kind))}
    return Row(
        label=entry.label,
        family=entry.spec.family,
        preset=entry.spec.preset,
        seeds=seeds,
        failed=len(entry.failures),
        cells=cells,
        runs=[run.id for run in entry.runs],
        reasons=[failure.reason for failure in entry.failures],
        failures=entry.failures,
        selection=str(entry.selection.get("name", "final")),
        marks=entry.marks,
        budget=str(entry.records[0]["budget"]) if entry.runs else "",
    )


def _cell(records: Sequence[Mapping[str, Any]], measure: Measure, kind: IntervalKind) -> Cell | None:
    """A row's values of one measure, with the interval of their mean; None when no run has any."""
    entries = {
        int(record["repetition"]): record["metrics"][measure.metric]
        for record in records
        if record["metrics"].get(measure.metric, {}).get("identity") == measure.identity
    }
    if not entries:
        return None
    found = list(entries.values())
    values = [float(entry["value"]) for entry in found]
    reference = [_number(entry.get("stderr_reference")) for entry in found]
    interval, covers = _interval(found, values, common_error(reference), kind)
    low = interval.low
    if low is not None and min(values) >= 0 and measure.metric not in _SIGNED:
        low = max(0.0, low)
    high = interval.high
    if high is not None and measure.metric.partition("/")[0] in _SHARES and max(values) <= 1:
        high = min(1.0, high)
    return Cell(
        interval.mean,
        low,
        high,
        values,
        ceiling=found[0]["ceiling"],
        repetitions=list(entries),
        covers=covers,
        stderr_generated=[_number(entry.get("stderr_generated")) for entry in found],
        stderr_reference=reference,
    )


def _interval(
    entries: Sequence[Mapping[str, Any]], values: Sequence[float], reference: float, kind: IntervalKind
) -> tuple[Interval, tuple[str, ...]]:
    """The interval of the mean and what it covers; with one value, that of its own resampling where it has one."""
    if not all(map(math.isfinite, values)):
        return Interval(math.fsum(values) / len(values), None, None, len(values)), ()
    if len(values) == 1:
        low, high = _number(entries[0].get("low")), _number(entries[0].get("high"))
        known = low is not None and high is not None
        return Interval(values[0], low, high, 1) if known else t_interval(values), ("resampling",) if known else ()
    covers = ("seeds", "reference set") if reference > 0 else ("seeds",)
    if kind == "bootstrap" and len(values) >= FEWEST_FOR_BOOTSTRAP:
        return bootstrap_interval(values, reference_error=reference), covers
    return t_interval(values, reference_error=reference), covers


def common_error(errors: Sequence[float | None]) -> float:
    """The standard error that all repetitions owe to the reference set: root mean square of what each says of it."""
    known = [error for error in errors if error is not None]
    return math.sqrt(math.fsum(error**2 for error in known) / len(known)) if known else 0.0


def _compared(rows: Sequence[Row], found: Sequence[Measure], reference: str | None) -> list[Row]:
    """The rows with each cell's comparison against the best row, or the reference, filled in."""
    cells = {row.label: dict(row.cells) for row in rows}
    for measure in found:
        better, key = measure.column.better, measure.column.key
        if better == "neither":
            continue
        values = {
            label: {k: v for k, v in zip(own[key].repetitions, own[key].values, strict=True) if math.isfinite(v)}
            for label, own in cells.items()
            if key in own
        }
        for label, standing in standings(values, better, reference=reference).items():
            difference = standing.difference
            against = Against(
                standing.other,
                difference.interval.mean,
                difference.interval.low,
                difference.interval.high,
                difference.p_value,
                difference.interval.n,
                standing.distinguishable,
            )
            cells[label][key] = replace(cells[label][key], against=against)
    return [replace(row, cells=cells[row.label]) for row in rows]


def _floor_row(records: Sequence[Mapping[str, Any]], found: Sequence[Measure]) -> Row | None:
    """What real pictures score: the evaluator's ceilings, and the distance of real from real at the same n."""
    cells: dict[str, Cell] = {}
    for measure in found:
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


def _fronts(rows: Sequence[Row], found: Sequence[Measure]) -> list[Front]:
    """The Pareto fronts of the headline measure against the times of sampling and of training, by means."""
    columns = {measure.column.key: measure.column for measure in found}
    quality = next((columns[key] for key in _HEADLINES if key in columns), None)
    fronts = []
    for cost in _COSTS:
        if quality is None or quality.better == "neither" or cost not in columns:
            continue
        both = [row for row in rows if quality.key in row.cells and cost in row.cells]
        points = [(row.cells[quality.key].mean, row.cells[cost].mean) for row in both]
        kept = pareto_front(points, (quality.better, "lower"))
        fronts.append(Front(quality.key, cost, [row.label for row, stays in zip(both, kept, strict=True) if stays]))
    return fronts


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
