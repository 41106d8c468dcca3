"""One trial: a configuration run with every seed, its curve reported while it trains, its value told at the end."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from optuna.trial import Trial, TrialState

from genbench.errors import DiskFull, Diverged, GenbenchError, Pruned, RunError
from genbench.observing import Observer
from genbench.selection import POINTS
from genbench.specs import RowSpec
from genbench.sweeping.space import Configuration, draw, label_of, row_of, settings_of
from genbench.sweeping.specification import Objective
from genbench.sweeping.studies import BEAT_SECONDS, FAILURES, REASON, RUNS, SweepStudy
from genbench.sweeping.watching import WATCHED
from genbench.tracking import RunLog
from genbench.workbench import Workbench


@dataclass
class TrialResult:
    """What a trial gave: the ids of its runs, their records, and which seeds failed how."""

    runs: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[int, str, str]] = field(default_factory=list)


def execute_trial(study: SweepStudy, trial: Trial, bench: Workbench) -> None:
    """Run a claimed trial to its end and tell the study. It is given back to the queue when interrupted, or when the
    disk is full.
    """
    spec = study.spec
    try:
        with study.writing():
            configuration = draw(trial, spec)
        with Heart(study, trial):
            _run(study, trial, bench, configuration)
    except (KeyboardInterrupt, DiskFull):
        study.give_back(trial)
        raise


def value_of(objective: Objective, record: Mapping[str, Any]) -> float:
    """An objective in a run's record.

    Raises:
        RunError: when the run has no such measure, naming those that it has.
    """
    name = objective.metric
    if name in WATCHED:
        chosen = record["stages"]["train"]["selections"].get(name)
        if chosen is not None:
            return float(chosen["value"])
    elif name in record["metrics"]:
        return float(record["metrics"][name]["value"])
    known = ", ".join(sorted({*record["metrics"], *record["stages"]["train"]["selections"]}))
    raise RunError(f"no measure {name!r} in the run: it has {known}")


def _run(study: SweepStudy, trial: Trial, bench: Workbench, configuration: Configuration) -> None:
    spec, result = study.spec, TrialResult()
    log = _begun(study, trial, bench, configuration)
    try:
        row = row_of(spec, configuration)
        _seeds(study, trial, bench, row, log, result)
        if result.failures:
            raise RunError(result.failures[0][2])
        values = [_mean(objective, result.records) for objective in spec.objectives]
    except Pruned as error:
        study.finish(trial, None, {RUNS: result.runs}, state=TrialState.PRUNED)
        log.close({}, {"reason": str(error)}, status="pruned")
    except DiskFull:
        raise
    except GenbenchError as error:
        told = {RUNS: result.runs, REASON: str(error), FAILURES: result.failures}
        study.finish(trial, None, told, state=TrialState.FAIL)
        log.close({}, {"reason": str(error)}, status="failed")
        bench.report_failure(f"trial {trial.number} · {label_of(configuration)}", error)
    else:
        log.close(_means(result.records), {"runs": " ".join(result.runs)})
        study.finish(trial, values, {RUNS: result.runs})


def _seeds(study: SweepStudy, trial: Trial, bench: Workbench, row: RowSpec, log: RunLog, result: TrialResult) -> None:
    """Run every seed. A grid is a table of rows, so its other seeds run after one has failed; a search goes on."""
    spec = study.spec
    comparison = spec.comparison([row])
    for repetition in range(spec.seeds):
        planned = bench.plan(comparison.run_spec(row, repetition))
        bench.announce(trial.number + 1, study.limit, planned)
        try:
            finished = bench.execute(planned, Reporter(study, trial, repetition), parent=log.id)
        except (Pruned, DiskFull):
            raise
        except GenbenchError as error:
            status = "diverged" if isinstance(error, Diverged) else "failed"
            result.failures.append((repetition, status, str(error)))
            if spec.sampler.name != "grid":
                return
            continue
        result.runs.append(finished.id)
        result.records.append(finished.record)
        if spec.pruner is not None and spec.pruner.name == "wilcoxon":
            study.report(trial, value_of(spec.objectives[0], finished.record), repetition)
            if repetition + 1 < spec.seeds:
                _prune_if_behind(study, trial)


class Reporter(Observer):
    """Reports the curve that the pruner watches at each of its ten points a seed, and gives up what falls behind."""

    def __init__(self, study: SweepStudy, trial: Trial, repetition: int) -> None:
        pruner = study.spec.pruner
        self._study, self._trial = study, trial
        self._watched = WATCHED[pruner.watch] if pruner is not None and pruner.watch else None
        self._point = POINTS * repetition
        maximised = study.spec.objectives[0].direction == "maximize"
        self._sign = 1.0 if self._watched is None or (self._watched.better == "higher") == maximised else -1.0

    def scalars(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:  # noqa: ARG002
        """Report new points; the study's direction is its objective's, so a curve of the other one changes its sign."""
        if self._watched is None or name != self._watched.curve:
            return
        for value in values:
            self._point += 1
            self._study.report(self._trial, self._sign * value, self._point)
        _prune_if_behind(self._study, self._trial)


class Heart:
    """Beats while a trial runs, so that others can tell a slow worker from a dead one."""

    def __init__(self, study: SweepStudy, trial: Trial) -> None:
        self._study, self._trial = study, trial
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        count = 0
        while not self._ended.wait(BEAT_SECONDS):
            count += 1
            try:
                self._study.beat(self._trial, count)
            except Exception:  # noqa: S112 - a storage that is away for a moment ends no training; the next beat tries again
                continue


def _prune_if_behind(study: SweepStudy, trial: Trial) -> None:
    if study.should_prune(trial):
        raise Pruned(f"trial {trial.number} fell behind and was pruned")


def _begun(study: SweepStudy, trial: Trial, bench: Workbench, configuration: Configuration) -> RunLog:
    """The trial's group in the store: its runs are children of it, as it is of the sweep."""
    name = f"{study.name} · trial {trial.number} · {label_of(configuration)}"
    tags = {
        "genbench.kind": "trial",
        "genbench.sweep": study.name,
        "genbench.trial": f"{study.name}/{trial.number}",
        "genbench.status": "running",
    }
    params = {"trial": trial.number, **settings_of(study.spec, configuration)}
    return bench.store.begin(name=name, tags=tags, params=params, parent=study.parent)


def _mean(objective: Objective, records: Sequence[Mapping[str, Any]]) -> float:
    return statistics.fmean(value_of(objective, record) for record in records)


def _means(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Every measure that all runs have, averaged."""
    shared = set.intersection(*({*record["metrics"]} for record in records))
    return {name: statistics.fmean(record["metrics"][name]["value"] for record in records) for name in sorted(shared)}
