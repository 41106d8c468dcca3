"""``genbench sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genbench.commands.compare import print_comparison
from genbench.commands.output import print_json, print_rows
from genbench.console import ProgressBars
from genbench.errors import ConfigError, RunError
from genbench.exporting import to_json
from genbench.files import writable_folder
from genbench.sweeping import Execution, Progress, SweepSpec, Swept, check, find, located, read, sweep
from genbench.sweeping.estimating import Expected, expected, total
from genbench.sweeping.overriding import override
from genbench.sweeping.summarising import best, caution, count, in_words
from genbench.workbench import Workbench


def spec_from(name: str, changes: dict[str, Any], *, results: Path, quiet: bool) -> SweepSpec:
    """The sweep of a name or file, changed by the command line, every configuration held against the family."""
    path = find(name)
    with ProgressBars(quiet=quiet) as bars, located(path):
        spec = override(read(path), **changes)
        check(spec, Workbench(writable_folder(results), bars))
    return spec


def run_sweep(spec: SweepSpec, execution: Execution, *, results: Path, output: str, quiet: bool, command: str) -> None:
    """Do the sweep, print its table and its best trial.

    Raises:
        RunError: after everything is printed and written, when a trial failed.
    """
    if execution.jobs < 1:
        raise ConfigError(f"--jobs {execution.jobs}: at least one worker is needed")
    with ProgressBars(quiet=quiet) as bars:
        swept = sweep(spec, execution, Workbench(results, bars), bars, command=command, progress=Progress(bars.say))
    _print(swept, output)
    for path in swept.new:
        bars.say(f"wrote {path}")
    bars.say(f"study {swept.study.name} is in {swept.study.address}; `genbench ui --results {results}` opens its runs")
    counted = count(swept.study)
    if counted.failed:
        reasons = [str(trial.user_attrs.get("genbench.reason", "")) for trial in swept.study.trials]
        first = next((reason for reason in reasons if reason), "unknown")
        raise RunError(
            f"{counted.failed} of {counted.total} trials failed; the first reason: {first}. A study keeps its "
            f"failures: once the cause is gone, try again with --study {swept.study.name}-2 (finished runs are found)"
        )


def dry_run(spec: SweepSpec, execution: Execution, *, results: Path, output: str, quiet: bool) -> None:
    """List what would run, with an estimate of time from a few real steps, and run nothing."""
    with ProgressBars(quiet=quiet) as bars:
        bench = Workbench(results, bars)
        lines = expected(spec, bench)
    seconds = total(spec, lines) / execution.jobs
    if output == "json":
        print_json({"sweep": spec.name, "seconds": seconds, "configurations": [_row(line) for line in lines]})
        return
    print_rows(
        [_row(line) for line in lines], ["configuration", "budget", "trainings", "train", "sample", "problem"], output
    )
    trials = len(lines) if spec.sampler.name == "grid" else spec.trials
    corners = "" if spec.sampler.name == "grid" else "; the list has the corners of the space"
    bars.say(
        f"{trials} trials of {spec.seeds} seed{'s' if spec.seeds > 1 else ''}: about {_duration(seconds)} of "
        f"training and sampling on this machine, beside the measuring{corners}"
    )


def _print(swept: Swept, output: str) -> None:
    study, counted = swept.study, count(swept.study)
    winners = best(study)
    if output == "json":
        trials = [
            {"number": t.number, "state": t.state.name.lower(), "params": t.params, "values": t.values}
            for t in study.trials
        ]
        table = to_json(swept.table, {k: str(v) for k, v in swept.files.items()}) if swept.table else None
        print_json({"sweep": study.name, "best": [t.number for t in winners], "trials": trials, "table": table})
        return
    if swept.table is not None:
        print_comparison(swept.table, swept.files, output)
    if output == "table":
        print(
            f"{counted.complete} of {counted.total} trials complete, {counted.failed} failed, {counted.pruned} pruned"
        )
        title = "best" if len(study.spec.objectives) == 1 else "Pareto front"
        for trial in winners:
            print(f"{title}: {in_words(study, trial)}")
        if winners and (warning := caution(study.spec)):
            print(f"caution: {warning}")


def _row(line: Expected) -> dict[str, Any]:
    return {
        "configuration": line.label,
        "budget": line.budget,
        "trainings": line.trainings,
        "train": None if line.train_s is None or not line.trainings else _duration(line.trainings * line.train_s),
        "sample": None if line.sample_s is None else _duration(line.sample_s),
        "problem": line.problem,
        "seconds": line.seconds,
    }


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
