"""``genbench compare``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genbench import plugins
from genbench.commands.flags import split_row
from genbench.commands.output import print_json
from genbench.comparing import Report, compare
from genbench.console import ProgressBars
from genbench.errors import ConfigError, RunError
from genbench.exporting import print_table, to_json
from genbench.reporting.delivering import deliver
from genbench.specs import ComparisonSpec, validate
from genbench.tables import Comparison
from genbench.workbench import Workbench


def spec_from_flags(
    families: list[str],
    preset: str | None,
    selection: str | None,
    changes: Mapping[str, Mapping[str, Any]],
    common: Mapping[str, Any],
) -> ComparisonSpec:
    """A comparison of ``FAMILY[:PRESET][@SELECTION]`` arguments; ``changes`` apply to every row."""
    if not families:
        raise ConfigError("no family given: name at least one, e.g. `genbench compare ddpm cgan`")
    rows: list[dict[str, Any]] = [{**split_row(argument, preset, selection), **changes} for argument in families]
    data = {**common["data"], "name": common["data"]["name"] or default_data(rows[0]["family"])}
    return validate(ComparisonSpec, {**common, "data": data, "rows": rows}, "compare")


def with_selection(spec: ComparisonSpec, selection: str) -> ComparisonSpec:
    """The same comparison, every row's weights chosen so."""
    rows = [{**row.model_dump(), "selection": selection} for row in spec.rows]
    return validate(ComparisonSpec, {**spec.model_dump(), "rows": rows}, "--selection")


def from_file_command(config: Path, report: Report) -> str:
    """The command for a file that has the whole specification, flags included: what is left is how it is reported."""
    words = ["genbench", "compare", "--config", config.name]
    words += ["--interval", report.interval] if report.interval != "t" else []
    words += ["--reference-row", report.reference_row] if report.reference_row is not None else []
    words += ["--columns", ",".join(report.columns)] if report.columns else []
    return shlex.join(words)


def default_data(family: str) -> str:
    """The built-in data for what the family does."""
    return "digits:digits-m" if plugins.family(family).task == "adaptation" else "digits"


def run_comparison(
    spec: ComparisonSpec, *, results: Path, output: str, quiet: bool, command: str, report: Report | None = None
) -> None:
    """Run, write the files, print the table on stdout.

    Raises:
        RunError: after everything is printed and written, when a run failed.
    """
    with ProgressBars(quiet=quiet) as bars:
        bench = Workbench(results, bars)
        compared = compare(spec, bench, command=command, report=report)
        table = compared.table
        folder = results / table.name

        def sheet() -> Path | None:
            if not compared.samples:
                return None
            return compared.task.sheet(compared.samples, folder / "samples.png", title=table.sheet_title)

        new: list[Path] = []
        files = deliver(
            table, folder, stages=bench.runner.stages, record=bench.store.record, sheet=sheet, written=new.append
        )
    print_comparison(table, files, output)
    for path in new:
        bars.say(f"wrote {path}")
    if not new:
        bars.say(f"{folder} has the files of this comparison already")
    bars.say(f"runs are in {bench.store.address}; `genbench ui --results {results}` opens them")
    failed = sum(row.failed for row in table.rows)
    if failed:
        raise RunError(f"{failed} of {sum(row.seeds for row in table.rows)} runs failed; the table counts them")


def print_comparison(table: Comparison, files: Mapping[str, Path], output: str) -> None:
    """Print a table on stdout as ``table``, ``json``, ``csv``, ``md`` or ``latex``."""
    if output == "json":
        print_json(to_json(table, {name: str(path) for name, path in files.items()}))
    else:
        print_table(table, output)
