"""What stands below a table beside the meaning of its columns: intervals, seeds, selection, budgets, failures."""

from __future__ import annotations

from collections.abc import Sequence

from genbench.comparing.gathered import Gathered
from genbench.comparing.measures import Measure, describe, differing, is_of
from genbench.comparing.report import Report
from genbench.specs import ComparisonSpec
from genbench.tables import Row

REAL = "real data"
"""Label of the reference row: real pictures scored like generated ones."""


def remarks(
    spec: ComparisonSpec,
    gathered: Sequence[Gathered],
    rows: Sequence[Row],
    found: Sequence[Measure],
    report: Report,
    *,
    generation: bool,
) -> list[str]:
    """The table's notes, one sentence each."""
    notes = _intervals(spec, rows, found, report)
    if generation:
        notes.append(
            f"{REAL}: what all held-out pictures score; for FID and other distances between sets, training pictures "
            "against held-out ones (the floor)"
        )
    notes += _budgets(spec, rows)
    notes += [sentence for entry in gathered if (sentence := _selected(entry))]
    notes += _split(gathered, found)
    notes += _missing(found, report)
    notes += [
        f"{entry.label}: seed {failure.seed} {failure.status}: {failure.reason}"
        for entry in gathered
        for failure in entry.failures
    ]
    return notes


def _intervals(spec: ComparisonSpec, rows: Sequence[Row], found: Sequence[Measure], report: Report) -> list[str]:
    if spec.seeds == 1:
        return ["one seed: no interval over seeds, so no claim that rows differ"]
    kind = "t" if report.interval == "t" else "studentised bootstrap"
    finished = " that finished" if any(row.failed for row in rows) else ""
    notes = [f"mean ± half width of the 95 % {kind} interval over the {spec.seeds} seeds{finished}"]
    widened = [
        measure.column.title
        for measure in found
        if not measure.column.minor
        and any(
            "reference set" in row.cells[measure.column.key].covers for row in rows if measure.column.key in row.cells
        )
    ]
    if widened:
        notes[0] += (
            f" (training, sampling); for {', '.join(widened)} also over the choice of real reference pictures, "
            "which all rows share"
        )
    few = [row.label for row in rows if 1 < row.seeds - row.failed < row.seeds]
    if report.interval == "bootstrap" and few:
        notes.append(f"rows with fewer than five finished seeds have t intervals ({', '.join(few)})")
    return notes


def _budgets(spec: ComparisonSpec, rows: Sequence[Row]) -> list[str]:
    """Which row was trained for how long, when the comparison doesn't fix it."""
    budgets = {row.label: row.budget for row in rows if row.budget}
    if spec.budget is not None or not budgets:
        return []
    if len(set(budgets.values())) == 1:
        return [f"every row's preset trains for {next(iter(budgets.values()))}"]
    return ["budgets differ: " + ", ".join(f"{label} {budget}" for label, budget in budgets.items())]


def _selected(entry: Gathered) -> str:
    """How a row's weights were chosen, when they are not those at the end of training."""
    selection = entry.selection
    if selection.get("name", "final") == "final":
        return ""
    steps = [str((record.get("selection") or {}).get("step")) for record in entry.records]
    known = [step for step in steps if step != "None"]
    when = f" (step {', '.join(known)})" if known else ""
    return f"{entry.label}: weights chosen by {selection.get('score') or selection['name']}{when}"


def _split(gathered: Sequence[Gathered], found: Sequence[Measure]) -> list[str]:
    """Which seeds stand in which column, for measures that were taken under several identities."""
    notes = []
    for metric in dict.fromkeys(measure.metric for measure in found):
        parts = [measure for measure in found if measure.metric == metric]
        if len(parts) == 1 or all(part.column.minor for part in parts):
            continue
        keys = differing([part.identity for part in parts])
        listed = []
        for part in parts:
            counts = [(entry, _count(entry, part)) for entry in gathered]
            covered = ", ".join(f"{e.label} {n} of {len(e.runs)} seeds" for e, n in counts if n)
            listed.append(f"{part.column.title} has {covered}")
        notes.append(f"{describe(metric).title} differs in {', '.join(keys)} and is not mixed: {'; '.join(listed)}")
    return notes


def _count(entry: Gathered, measure: Measure) -> int:
    return sum(
        record["metrics"].get(measure.metric, {}).get("identity") == measure.identity for record in entry.records
    )


def _missing(found: Sequence[Measure], report: Report) -> list[str]:
    names = {measure.metric for measure in found}
    absent = [column for column in report.columns if column != "all" and not any(is_of(name, column) for name in names)]
    return [f"not measured: {', '.join(absent)}"] if absent else []
