"""What came of a sweep: the table over its configurations, the best one, and the sweep's run in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from genbench.comparing import Report
from genbench.comparing.gathered import Gathered
from genbench.comparing.tabulating import tabulate
from genbench.errors import GenbenchError
from genbench.specs import as_toml
from genbench.sweeping.space import Configuration, label_of, row_of
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.studies import FAILURES, REASON, RUNS, SweepStudy
from genbench.sweeping.watching import WATCHED
from genbench.tables import Comparison, Failure
from genbench.workbench import Finished, Workbench

MOST_ROWS = 12
"""Configurations in the table; a longer study shows its best, and the file of trials has all."""


@dataclass(frozen=True)
class Counted:
    """How many trials there are of each kind."""

    total: int
    complete: int
    failed: int
    pruned: int

    @property
    def left(self) -> int:
        """Trials that nobody has ended."""
        return self.total - self.complete - self.failed - self.pruned


def count(study: SweepStudy) -> Counted:
    """The trials by state."""
    states = [trial.state for trial in study.trials]
    number = {state: states.count(state) for state in TrialState}
    return Counted(
        study.limit,
        number[TrialState.COMPLETE],
        number[TrialState.FAIL],
        number[TrialState.PRUNED],
    )


def best(study: SweepStudy) -> list[FrozenTrial]:
    """The best trial, or the Pareto front of several objectives; ties go to the earlier trial."""
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    if not complete:
        return []
    if len(study.spec.objectives) > 1:
        return [trial for trial in study.study.best_trials if trial.number < study.limit]
    return [ranked(study.spec, complete)[0]]


def ranked(spec: SweepSpec, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Complete trials by their first objective, the best first."""
    sign = -1.0 if spec.objectives[0].direction == "maximize" else 1.0
    return sorted(trials, key=lambda trial: (sign * trial.values[0], trial.number))


def table(study: SweepStudy, bench: Workbench, *, command: str) -> Comparison | None:
    """A comparison of the configurations that are `shown`, with intervals over seeds; None when no run has finished."""
    spec = study.spec
    gathered = [entry for trial in shown(study) if (entry := _gathered(spec, trial, bench)) is not None]
    if not any(entry.runs for entry in gathered):
        return None
    comparison = spec.comparison([entry.spec for entry in gathered])
    task = bench.open(spec.data, spec.evaluation, spec.device)
    found = tabulate(comparison, gathered, task, name=study.name, command=command, report=Report(columns=spec.columns))
    return replace(found, specification=as_toml(spec))


def shown(study: SweepStudy) -> list[FrozenTrial]:
    """The trials that the table has: a grid's in its own order; of other searches, and of long grids, the best few.

    A configuration that a search proposed twice is there once.
    """
    ended = [trial for trial in study.trials if trial.state in (TrialState.COMPLETE, TrialState.FAIL)]
    ended = list({str(sorted(trial.params.items())): trial for trial in reversed(ended)}.values())[::-1]
    if len(ended) <= MOST_ROWS and study.spec.sampler.name == "grid":
        return ended
    return ranked(study.spec, [trial for trial in ended if trial.state == TrialState.COMPLETE])[:MOST_ROWS]


def configuration_of(trial: FrozenTrial) -> Configuration:
    """What a trial chose."""
    return dict(trial.params)


def in_words(study: SweepStudy, trial: FrozenTrial) -> str:
    """A complete trial with its objectives: ``trial 3, size=s: accuracy 0.93``."""
    values = ", ".join(
        f"{objective.metric} {value:.4g}" for objective, value in zip(study.spec.objectives, trial.values, strict=True)
    )
    return f"trial {trial.number}, {label_of(configuration_of(trial))}: {values}"


def caution(spec: SweepSpec) -> str | None:
    """A warning that the best value flatters, where the search looked at what it is scored on."""
    tested = [objective.metric for objective in spec.objectives if objective.metric not in WATCHED]
    costs = {"train_s", "sample_s", "parameters", "peak_memory_mb", "sample_memory_mb", "pictures_per_s", "train_flop"}
    tested = [name for name in tested if name not in costs]
    if spec.sampler.name == "grid" or not tested:
        return None
    return (
        f"the search chose by {', '.join(tested)} on the data that score it, so the best value flatters: "
        "search by a validation score (objective validation or guide), then compare the winner with fresh seeds"
    )


def _gathered(spec: SweepSpec, trial: FrozenTrial, bench: Workbench) -> Gathered | None:
    """A trial's runs from the store; a run whose record is gone is left out."""
    configuration = configuration_of(trial)
    try:
        row = row_of(spec, configuration)
    except GenbenchError:
        return None
    entry = Gathered(label_of(configuration), row)
    for run in trial.user_attrs.get(RUNS, ()):
        record: dict[str, Any] | None = bench.store.read_record(run)
        if record is not None:
            entry.runs.append(Finished(run, record))
    known = {seed: (status, why) for seed, status, why in trial.user_attrs.get(FAILURES, ())}
    finished = {run.record["repetition"] for run in entry.runs}
    lacking = "failed", str(trial.user_attrs.get(REASON, "the run's record is gone"))
    entry.failures.extend(
        Failure(seed, *known.get(seed, lacking)) for seed in range(spec.seeds) if seed not in finished
    )
    return entry
