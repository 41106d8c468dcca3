"""Where runs happen: a results folder with its stages and its store, and the data that is open."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genbench.checkpoints import DamagedCheckpoint
from genbench.errors import DataError, Diverged, GenbenchError, Pruned
from genbench.files import clear_os_errors, writable_folder, write_text
from genbench.keeping import HISTORY, weights_file
from genbench.observing import Observer, Observers
from genbench.planning import Plan, plan
from genbench.precision import resolve_device
from genbench.running import FIGURES, SHEET, Runner
from genbench.specs import DataSpec, EvaluationSpec, RunSpec, as_toml
from genbench.tasks.base import OpenTask
from genbench.tracking import RunLog, Store
from genbench.training import Training
from genbench.watchdog import Watchdog, permitted


@dataclass(frozen=True)
class Finished:
    """A run that is complete: its id in the store and its full record."""

    id: str
    record: dict[str, Any]


class Workbench:
    """Plans and executes runs under one results folder.

    Args:
        results: the folder; made when absent.
        observer: told of progress.
    """

    def __init__(self, results: Path, observer: Observer | None = None) -> None:
        self.results = writable_folder(results)
        self.runner = Runner(results)
        self._observer = observer or Observer()
        self._permitted = permitted()
        self._open: dict[tuple[DataSpec, EvaluationSpec, str], OpenTask] = {}

    @cached_property
    def store(self) -> Store:
        """The store, opened (or made) when first needed: after everything that can be wrong with a request."""
        return Store(self.results, self._observer.warned)

    def resolve(self, run: str) -> str:
        """`Store.resolve`, which makes no store where there is none. Raises `DataError` as it does."""
        if not Store.exists(self.results):
            raise DataError(f"no run {run!r} under {self.results}: `genbench ls runs` lists them")
        return self.store.resolve(run)

    def plan(self, spec: RunSpec) -> Plan:
        """Open the data (once) and derive the run's plan. Raises `GenbenchError` in one line for bad input."""
        planned = plan(spec, self.open(spec.data, spec.evaluation, spec.device))
        self.runner.check_selection(planned)
        return planned

    def open(self, data: DataSpec, evaluation: EvaluationSpec, device: str) -> OpenTask:
        """The task for this data, opened once."""
        key = (data, evaluation, device)
        if key not in self._open:
            self._open[key] = open_task(data, evaluation, device, self._observer)
        return self._open[key]

    def execute(self, planned: Plan, observer: Observer | None = None, parent: str | None = None) -> Finished:
        """The finished run: found in the store, or run now.

        Args:
            planned: what to run.
            observer: told of progress beside the workbench's own.
            parent: id of the group in the store that a new run belongs to.

        Raises:
            Diverged, Pruned, RunError, GenbenchError: after the failure is recorded in the store.
        """
        found = self.store.find(planned.run_hash)
        if found is not None and (record := self.store.read_record(found)) is not None:
            self._observer.run_reused(planned.label)
            return Finished(found, record)
        log = self.store.begin(name=planned.label, tags=_tags(planned), params=_params(planned), parent=parent)
        watchdog = Watchdog(self._permitted)
        listening = [log, self._observer, watchdog, *([observer] if observer else [])]
        try:
            with watchdog:
                record = self.runner.run(planned, Observers(*listening))
            self._deliver(log, planned, record)
        except KeyboardInterrupt:
            _note(log, "interrupted", "interrupted from the keyboard")
            raise
        except GenbenchError as error:
            _note(log, _status(error), str(error))
            raise
        except Exception as error:
            _note(log, "failed", f"{type(error).__name__}: {error}")
            raise
        return Finished(log.id, record)

    def sample_folder(self, planned: Plan) -> Path | None:
        """The folder of what a finished run made, if it is on this machine and sound."""
        found = self.runner.stages.find("sample", planned.sample_hash, contents=True)
        if found is None and (folder := self.runner.stages.folder("sample", planned.sample_hash)).exists():
            self._observer.warned(f"{folder}: damaged or unfinished: its pictures are not drawn")
        return found.folder if found else None

    def trained(self, planned: Plan) -> Training:
        """The trained networks of a run.

        Raises:
            DataError: when its training is not finished under this results folder, or damaged.
        """
        found = self.runner.stages.find("train", planned.train_hash)
        if found is None:
            raise DataError(
                f"the weights of {planned.label!r} are not under {self.results}, or damaged: run it here "
                "(after deleting it in `genbench ui`, if it is in the store)"
            )
        try:
            return self.runner.trained(planned, found)
        except DamagedCheckpoint as error:
            raise DataError(f"{error}, and run it again (after deleting the run in `genbench ui`)") from error

    def announce(self, number: int, total: int, planned: Plan) -> None:
        """Tell the observer which run comes next."""
        self._observer.run_started(number, total, planned.label)

    def report_failure(self, label: str, error: GenbenchError) -> None:
        """Tell the observer that a run, or a group of runs, failed."""
        self._observer.run_failed(label, str(error))

    def _deliver(self, log: RunLog, planned: Plan, record: dict[str, Any]) -> None:
        """Hand the record and the files that people and later commands want to the store."""
        train = self.runner.stages.folder("train", planned.train_hash)
        evaluate = self.runner.stages.folder("evaluate", planned.evaluate_hash)
        weights = dict.fromkeys(weights_file(name) for name in ("final", planned.spec.selection))
        with (
            clear_os_errors(self.results),
            tempfile.TemporaryDirectory(dir=self.results, prefix=".delivery-") as scratch,
        ):
            folder = Path(scratch)
            files = [
                ("", write_text(folder / "spec.toml", spec_as_toml(planned.spec))),
                ("", train / HISTORY),
                ("", evaluate / SHEET),
                *(("checkpoint", train / name) for name in weights),
                *((FIGURES, path) for path in sorted((evaluate / FIGURES).glob("*"))),
            ]
            log.finish(record, folder, [(where, path) for where, path in files if path.exists()])


def _note(log: RunLog, status: str, reason: str) -> None:
    """Record that a run did not finish; when the store, too, is out of order, what ended the run matters more."""
    with suppress(GenbenchError):
        log.fail(status, reason)


def _status(error: GenbenchError) -> str:
    if isinstance(error, Diverged):
        return "diverged"
    return "pruned" if isinstance(error, Pruned) else "failed"


def spec_as_toml(spec: RunSpec) -> str:
    """The specification as a file that ``genbench run`` reads back."""
    return as_toml(spec)


def _tags(planned: Plan) -> dict[str, str]:
    return {
        "genbench.kind": "run",
        "genbench.run": planned.run_hash,
        "genbench.family": planned.spec.family,
        "genbench.task": planned.task.task,
        "genbench.dataset": planned.task.info.name,
        "genbench.preset": planned.spec.preset,
        "genbench.selection": planned.spec.selection,
        "genbench.stage.train": planned.train_hash,
        "genbench.stage.sample": planned.sample_hash,
        "genbench.stage.evaluate": planned.evaluate_hash,
        "genbench.status": "running",
    }


def _params(planned: Plan) -> dict[str, Any]:
    resolved, info = planned.resolved, planned.task.info
    return {
        "family": planned.spec.family,
        "preset": planned.spec.preset,
        "dataset": info.name,
        "resolution": info.resolution,
        "repetition": planned.spec.repetition,
        "seed": planned.seed,
        "budget": str(resolved.budget),
        "selection": planned.spec.selection,
        "precision": planned.precision,
        "device": planned.device.type,
        "processes": planned.processes,
        "compile": planned.spec.compile,
        **{f"train.{key}": value for key, value in resolved.train.model_dump(mode="json").items()},
        **{f"sample.{key}": value for key, value in resolved.sample.model_dump(mode="json").items()},
    }


def open_task(data: DataSpec, evaluation: EvaluationSpec, device: str, observer: Observer) -> OpenTask:
    """Open data for the task that its name stands for: ``source:target`` is adaptation, all else generation."""
    from genbench.tasks.adaptation import Adaptation
    from genbench.tasks.generation import Generation

    task = Adaptation if ":" in data.name else Generation
    return task.open(data, evaluation, resolve_device(device), observer)
