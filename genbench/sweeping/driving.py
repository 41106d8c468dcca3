"""A sweep from its file to its table: the study opened, workers at work, everything written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from optuna.trial import Trial, TrialState

from genbench import plugins
from genbench.comparing import Report
from genbench.comparing.measures import stem_of
from genbench.errors import ConfigError
from genbench.files import write_text
from genbench.observing import Observer
from genbench.planning import resolve
from genbench.reporting.delivering import deliver
from genbench.sweeping import summarising
from genbench.sweeping.cluster import Resources, launcher
from genbench.sweeping.figures import draw_sweep
from genbench.sweeping.space import Configuration, grid, row_of
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.storages import absolute
from genbench.sweeping.studies import SweepStudy, Worker
from genbench.sweeping.trials import execute_trial
from genbench.sweeping.watching import WATCHED
from genbench.sweeping.workers import Assignment, LocalTask, Task, new_assignment, run_workers, take, wait_for_others
from genbench.tables import Comparison
from genbench.tasks.base import OpenTask
from genbench.workbench import Workbench

PARENT_SECONDS = 30.0
"""How long another driver that made the study may take to begin the sweep's run in the store."""


@dataclass(frozen=True)
class Execution:
    """Where and by how many a sweep is done.

    Attributes:
        storage: Optuna's; None for ``OPTUNA_STORAGE``, else SQLite in the results folder.
        study: its name; None for the sweep's.
        jobs: workers at once.
        executor: processes here, or tasks of a Ray cluster at ``address`` with ``resources`` each.
    """

    storage: str | None = None
    study: str | None = None
    jobs: int = 1
    executor: Literal["local", "ray"] = "local"
    address: str | None = None
    resources: Resources = field(default_factory=Resources)


@dataclass(frozen=True)
class Swept:
    """A sweep as far as it has come: its study, its table (None when no run finished), its files, and the new ones."""

    study: SweepStudy
    table: Comparison | None
    files: dict[str, Path]
    new: list[Path]


def storage_url(execution: Execution, results: Path) -> str:
    """The Optuna storage that is meant."""
    if execution.storage == "":
        raise ConfigError("--storage is empty: leave it out, or write sqlite:///FILE")
    own = f"sqlite:///{results.resolve() / 'optuna.db'}"
    return absolute(execution.storage or os.environ.get("OPTUNA_STORAGE") or own)


def sweep(
    spec: SweepSpec, execution: Execution, bench: Workbench, observer: Observer, *, command: str, progress: Progress
) -> Swept:
    """Do what of a sweep that passed `check` is not yet done, then write tables and figures.

    Raises:
        ConfigError: a storage or cluster that cannot be used; nothing has run then.
        KeyboardInterrupt: after everything that is begun is kept; the same call goes on.
    """
    results = bench.results
    url = storage_url(execution, results)
    study = SweepStudy(spec, url, execution.study or spec.name)
    _begin(study, bench, command)
    for number in study.recover():
        observer.warned(f"trial {number} was begun and not ended: it is queued again")
    if study.has_more() or study.elsewhere():
        _execute(study, bench, execution, url, results, observer, progress)
    return _written(study, bench, results, command)


def check(spec: SweepSpec, bench: Workbench) -> None:
    """Hold every configuration that can be listed against the family, before anything runs.

    Raises:
        ConfigError: a setting that the family does not know or does not take, naming the configuration.
    """
    task = bench.open(spec.data, spec.evaluation, spec.device)
    Report(columns=spec.columns).check((), spec.seeds)
    check_objectives(spec, task)
    known: dict[str, str] = {}
    for configuration in listed(spec):
        row = row_of(spec, configuration)
        same = known.setdefault(row.model_dump_json(exclude={"label"}), str(row.label))
        if same != row.label:
            raise ConfigError(f"sweep {spec.name}: {same} and {row.label} are the same configuration: leave one out")
        try:
            resolve(row, task.info)
        except ConfigError as error:
            raise ConfigError(f"sweep {spec.name}, {row.label}: {error}") from None
    first = row_of(spec, listed(spec)[0])
    if "validation" in scores_of(spec):
        first = first.model_copy(update={"selection": "validation"})  # refused when the family has no such loss
    bench.plan(spec.comparison([first]).run_spec(first, 0))


def scores_of(spec: SweepSpec) -> set[str]:
    """The scores of training that the sweep looks at, in objectives or by its pruner."""
    watched = {spec.pruner.watch} if spec.pruner is not None and spec.pruner.watch else set()
    return {objective.metric for objective in spec.objectives if objective.metric in WATCHED} | watched


def check_objectives(spec: SweepSpec, task: OpenTask) -> None:
    """Raise `ConfigError` when a score is not taken in this task, or a metric is not among those that are measured."""
    for name in sorted(scores_of(spec)):
        if name not in task.selections:
            known = ", ".join(sorted(set(WATCHED) & set(task.selections)))
            raise ConfigError(f"sweep {spec.name}: {name} is no score of {task.task}: choose one of {known}")
        if name == "guide" and spec.selection != "guide":
            raise ConfigError(f'sweep {spec.name}: the guide scores training only with selection = "guide"')
    measured = spec.evaluation.metrics
    for objective in spec.objectives:
        stem = stem_of(objective.metric)
        if measured and stem in plugins.names("metrics") and stem not in measured:
            raise ConfigError(
                f"sweep {spec.name}: the objective {objective.metric} is not measured: add {stem} to evaluation.metrics"
            )


def listed(spec: SweepSpec) -> list[Configuration]:
    """The grid; of an endless space, the choices with ranges at their lower and at their upper ends."""
    if spec.sampler.name == "grid":
        return grid(spec)[: spec.trials]
    ends = []
    for end in ("low", "high"):
        space = {
            name: p
            if p.choices is not None
            else p.model_copy(update={"values": (getattr(p, end),), "low": None, "high": None})
            for name, p in spec.space.items()
        }
        ends += grid(spec.model_copy(update={"space": space}))
    return ends


class Progress:
    """Told of trials as they end, wherever they ran."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._known: set[int] = set()

    def look(self, study: SweepStudy) -> None:
        """Say which trials have ended since the last look."""
        for trial in study.trials:
            if trial.state.is_finished() and trial.number not in self._known:
                self._known.add(trial.number)
                words = {TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}.get(trial.state)
                text = f"trial {trial.number} {words}" if words else summarising.in_words(study, trial)
                self._say(f"[{len(self._known)}/{study.limit}] {text}")

    def skip(self, study: SweepStudy) -> None:
        """Take what has ended so far as said; say how much that is."""
        self._known = {trial.number for trial in study.trials if trial.state.is_finished()}
        if self._known:
            self._say(f"{len(self._known)} of {study.limit} trials are done already")


def _execute(
    study: SweepStudy,
    bench: Workbench,
    execution: Execution,
    url: str,
    results: Path,
    observer: Observer,
    progress: Progress,
) -> None:
    progress.skip(study)
    if execution.executor == "local" and execution.jobs == 1:

        def execute(trial: Trial) -> None:
            execute_trial(study, trial, bench)
            progress.look(study)

        take(study, Worker(f"{os.getpid():x}"), execute)
        while wait_for_others(study, observer, lambda: progress.look(study)):
            take(study, Worker(f"{os.getpid():x}"), execute)
        return
    with redirect_stdout(sys.stderr):  # Ray prints what happens to its nodes
        launch = _launch(study, execution, url, results)
        run_workers(study, execution.jobs, launch, observer, lambda: progress.look(study))
    progress.look(study)


def _launch(study: SweepStudy, execution: Execution, url: str, results: Path) -> Callable[[int, str], Task]:
    folder = results.resolve()
    if execution.executor == "ray":
        threads = max(1, int(execution.resources.cpus))
        return launcher(
            execution.address, execution.resources, new_assignment(study.spec, url, study.name, folder, threads)
        )
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    threads = int(chosen) if chosen.isdigit() else len(os.sched_getaffinity(0)) // execution.jobs
    threads = max(1, threads)
    assignment: Callable[[str], Assignment] = new_assignment(study.spec, url, study.name, folder, threads)
    gpus = torch.cuda.device_count() if study.spec.device in ("auto", "cuda") else 0
    return lambda slot, worker: LocalTask(assignment(worker), slot % gpus if gpus else None)


def _begin(study: SweepStudy, bench: Workbench, command: str) -> None:
    """The sweep's own run in the store: begun by whoever made the study, else by who finds that it was not."""
    if study.created or study.wait_for_parent(PARENT_SECONDS) is None:
        spec = study.spec
        tags = {
            "genbench.kind": "sweep",
            "genbench.sweep": study.name,
            "genbench.family": spec.family,
            "genbench.dataset": spec.data.name,
            "genbench.preset": spec.preset,
            "genbench.command": command,
            "genbench.status": "running",
        }
        params = {"sampler": spec.sampler.name, "seeds": spec.seeds, "trials": study.limit, "storage": study.address}
        study.set_parent(bench.store.begin(name=study.name, tags=tags, params=params).id)


def _written(study: SweepStudy, bench: Workbench, results: Path, command: str) -> Swept:
    """Write tables, figures and the file of trials, and give them to the sweep's run in the store."""
    folder = results / study.name
    table = summarising.table(study, bench, command=command)
    files = draw_sweep(study, table, folder)
    new = list(files.values())
    if table is not None:

        def sheet() -> Path | None:
            return _sheet(study, bench, folder, title=table.sheet_title)

        stages, record = bench.runner.stages, bench.store.record
        files |= deliver(table, folder, stages=stages, record=record, sheet=sheet, written=new.append)
    frame = study.study.trials_dataframe()
    files["trials"] = write_text(folder / "trials.csv", frame.to_csv(index=False, lineterminator="\n"))
    _close(study, bench, files)
    return Swept(study, table, files, [*new, files["trials"]])


def _sheet(study: SweepStudy, bench: Workbench, folder: Path, *, title: str) -> Path | None:
    """What the configurations of the table made with the first seed, side by side, as far as it is on this machine."""
    spec, samples = study.spec, []
    for trial in summarising.shown(study):
        row = row_of(spec, summarising.configuration_of(trial))
        made = bench.sample_folder(bench.plan(spec.comparison([row]).run_spec(row, 0)))
        samples += [(str(row.label), made)] if made is not None else []
    task = bench.open(spec.data, spec.evaluation, spec.device)
    return task.sheet(samples, folder / "samples.png", title=title) if samples else None


def _close(study: SweepStudy, bench: Workbench, files: dict[str, Path]) -> None:
    if study.parent is None:
        return
    log, best = bench.store.group(study.parent), summarising.best(study)
    words = " | ".join(summarising.in_words(study, trial) for trial in best)
    values = {}
    if len(best) == 1:
        values = {f"best/{o.metric}": v for o, v in zip(study.spec.objectives, best[0].values, strict=True)}
    params = {
        "best": words or "none",
        **{f"best.{k}": v for k, v in (best[0].params if len(best) == 1 else {}).items()},
    }
    status = "finished" if summarising.count(study).left == 0 else "interrupted"
    log.close(values, params, list(files.values()), status=status)
