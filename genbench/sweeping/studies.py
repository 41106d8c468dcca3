"""A sweep's Optuna study: opened by name, its trials claimed by one worker each, and none of them lost.

A trial that a worker has begun and will not end, because the worker was killed or its machine is gone, goes back to
Optuna's queue with its number and its parameters, so that every trial is done once and none twice. A worker that is
alive raises a trial's ``beats`` now and then; whoever watches the study sees which have stopped.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from genbench.errors import ConfigError, GenbenchError
from genbench.hashing import content_hash
from genbench.masking import mask_secrets
from genbench.processes import ProcessId
from genbench.sweeping.samplers import make_pruner, make_sampler
from genbench.sweeping.space import grid
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.storages import absolute, first_line, open_storage, writing_lock

BEAT_SECONDS = 20.0
GRACE_SECONDS = 120.0
"""A worker on another machine whose trial has had no beat for so long is taken for dead."""
MOST_DEATHS = 3
"""A trial in which so many workers died is given up."""

LOOK_AHEAD = 64
"""Nearer to the last trial than this, a worker counts the trials before it asks for one more."""

WORKER, BEATS, DEATHS = "genbench.worker", "genbench.beats", "genbench.deaths"
RUNS, REASON, FAILURES = "genbench.runs", "genbench.reason", "genbench.failures"
_SWEEP, _PARENT = "genbench.sweep", "genbench.mlflow_run"

# Optuna tells of every trial; the sweep has words of its own.
optuna.logging.set_verbosity(optuna.logging.WARNING)
optuna.logging.disable_propagation()


@dataclass(frozen=True)
class Worker(ProcessId):
    """Who runs a trial: a worker's id, and its process."""

    id: str


class SweepStudy:
    """The study of a sweep in its storage; safe to open from many processes and machines at once.

    Args:
        spec: the sweep.
        url: an Optuna storage: ``sqlite:///FILE``, ``postgresql://…``, ``mysql://…``, or ``journal:FILE``.
        name: of the study.

    Attributes:
        created: whether this call made it; of all that open it at once, one did.

    Raises:
        ConfigError: the storage cannot be opened, or has a study of this name that is about something else.
    """

    def __init__(self, spec: SweepSpec, url: str, name: str) -> None:
        self.spec = spec
        self.name = name
        self.address = mask_secrets(url)
        url = absolute(url)
        self._lock = writing_lock(url)
        with self._clear_errors(), self._lock:
            self.study, self.created = _open(spec, open_storage(url), name)
        self.limit = limit_of(spec)
        self._last = self.limit
        self._watched: dict[int, tuple[Any, float]] = {}

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials that count, by number."""
        with self._clear_errors():
            return [trial for trial in self.study.get_trials(deepcopy=False) if trial.number < self.limit]

    @property
    def parent(self) -> str | None:
        """The id of the sweep's run in the store."""
        value = self.study.user_attrs.get(_PARENT)
        return None if value is None else str(value)

    def set_parent(self, run_id: str) -> None:
        """Remember the sweep's run in the store."""
        with self._clear_errors(), self._lock:
            self.study.set_user_attr(_PARENT, run_id)

    def claim(self, worker: Worker) -> Trial | None:
        """A trial that nobody else has: one that was given back, else a new one; None when there are no more."""
        with self._clear_errors(), self._lock:
            if self._last + LOOK_AHEAD >= self.limit and not self._claimable():
                return None
            trial = self.study.ask()
            self._last = trial.number
            if trial.number >= self.limit:  # several workers asked for the last one: it waits for a higher --trials
                self._give_back(trial._trial_id)
                return None
            trial.set_user_attr(WORKER, asdict(worker))
            return trial

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around everything that writes to the study by itself, such as drawing a trial's parameters."""
        with self._clear_errors(), self._lock:
            yield

    def report(self, trial: Trial, value: float, step: int) -> None:
        """Report a trial's curve; a point that is known from before an interruption stays as it is."""
        with self.writing():
            if step not in self.study._storage.get_trial(trial._trial_id).intermediate_values:
                trial.report(value, step)

    def should_prune(self, trial: Trial) -> bool:
        """Whether the pruner gives the trial up."""
        with self.writing():
            return trial.should_prune()

    def beat(self, trial: Trial, count: int) -> None:
        """Show that the trial's worker is alive."""
        with self._lock:
            trial.set_user_attr(BEATS, count)

    def finish(
        self,
        trial: Trial,
        values: Sequence[float] | None,
        attributes: Mapping[str, Any],
        *,
        state: TrialState = TrialState.COMPLETE,
    ) -> None:
        """Record a trial's end; one that another worker has finished meanwhile stays as it is.

        What `optuna.Study.tell` does, with half of its queries.
        """
        storage, number = self.study._storage, trial._trial_id
        with self._clear_errors(), self._lock, suppress(UpdateFinishedTrialError):
            for key, value in attributes.items():
                storage.set_trial_user_attr(number, key, value)
            frozen = storage.get_trial(number)
            if state == TrialState.PRUNED and (last := frozen.last_step) is not None:
                values = [frozen.intermediate_values[last]]
            self.study.sampler.after_trial(self.study, frozen, state, values)
            storage.set_trial_state_values(number, state, list(values) if values is not None else None)

    def give_back(self, trial: Trial) -> None:
        """Put a trial that was interrupted back into the queue."""
        with self._clear_errors(), self._lock:
            self._give_back(trial._trial_id)

    def worked(self, worker: str) -> bool:
        """Whether a worker of this id has taken a trial that nobody took after it."""
        with self._clear_errors():
            trials = self.study.get_trials(deepcopy=False)
            return any((trial.user_attrs.get(WORKER) or {}).get("id") == worker for trial in trials)

    def ended(self) -> int:
        """How many trials have come to an end, whatever it was."""
        return sum(trial.state.is_finished() for trial in self.trials)

    def elsewhere(self) -> int:
        """How many trials run that are not ended."""
        with self._clear_errors():
            running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            return sum(trial.number < self.limit for trial in running)

    def wait_for_parent(self, seconds: float) -> str | None:
        """The sweep's run in the store, which another driver is about to begin; None if it does not in this time."""
        until = time.monotonic() + seconds
        while self.parent is None and time.monotonic() < until:
            time.sleep(0.5)
        return self.parent

    def has_more(self) -> bool:
        """Whether there is a trial that a worker could claim."""
        with self._clear_errors(), self._lock:
            return self._claimable()

    def recover(self, *, ended: Sequence[str] = (), interrupted: Sequence[str] = ()) -> list[int]:
        """Put the trials of dead workers back into the queue; their numbers.

        Args:
            ended: ids of workers that are known to have died in mid-trial. That counts against the trial, and one that
                has cost `MOST_DEATHS` workers fails.
            interrupted: ids of workers that were ended on purpose, which doesn't.
        """
        recovered = []
        with self._clear_errors(), self._lock:
            for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                owner = trial.user_attrs.get(WORKER)
                worker = Worker(**owner) if owner else None
                died = worker is not None and worker.id in ended
                stopped = worker is not None and worker.id in interrupted
                if died:
                    deaths = int(trial.user_attrs.get(DEATHS, 0)) + 1
                    self.study._storage.set_trial_user_attr(trial._trial_id, DEATHS, deaths)
                    if deaths >= MOST_DEATHS:
                        reason = f"{deaths} workers died while they ran it (out of memory?)"
                        self.study._storage.set_trial_user_attr(trial._trial_id, REASON, reason)
                        self.study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                        continue
                if died or stopped or (worker is not None and worker.known_dead) or self._silent(trial):
                    self._give_back(trial._trial_id)
                    recovered.append(trial.number)
        return recovered

    def _silent(self, trial: FrozenTrial) -> bool:
        """Whether nothing has been heard of a trial's worker for the grace period, by this process's own clock."""
        sign = (trial.user_attrs.get(BEATS), trial.user_attrs.get(WORKER), len(trial.intermediate_values))
        now = time.monotonic()
        before, since = self._watched.get(trial.number, (None, now))
        if before != sign:
            self._watched[trial.number] = (sign, now)
            return False
        return now - since > GRACE_SECONDS

    def _give_back(self, trial_id: int) -> None:
        with suppress(UpdateFinishedTrialError):
            self.study._storage.set_trial_state_values(trial_id, TrialState.WAITING)

    def _claimable(self) -> bool:
        if self.study._storage.get_n_trials(self.study._study_id) < self.limit:
            return True
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return any(trial.number < self.limit for trial in waiting)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, OSError) as error:
            raise GenbenchError(f"Optuna storage {self.address}: {first_line(error)}") from error


def limit_of(spec: SweepSpec) -> int:
    """How many trials a sweep has."""
    if spec.sampler.name != "grid":
        return int(spec.trials or 0)
    points = len(grid(spec))
    return points if spec.trials is None else min(points, spec.trials)


def identity(spec: SweepSpec) -> str:
    """A hash of all that makes two trials of a sweep comparable."""
    ignored = {"name", "description", "trials", "columns", "device"}
    return content_hash(spec.model_dump(mode="json", exclude=ignored))


def _open(spec: SweepSpec, storage: BaseStorage, name: str) -> tuple[optuna.Study, bool]:
    """The study, and whether it is new."""
    sampler, pruner = make_sampler(spec), make_pruner(spec)
    directions = [objective.direction for objective in spec.objectives]
    try:
        study = optuna.create_study(
            study_name=name, storage=storage, sampler=sampler, pruner=pruner, directions=directions
        )
        created = True
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
        created = False
    has = [direction.name.lower() for direction in study.directions]
    if has != directions:
        raise ConfigError(
            f"study {name!r} is there already and is to {' and '.join(has)}, but the sweep is to "
            f"{' and '.join(directions)}: give --study another name"
        )
    known = study.user_attrs.get(_SWEEP)
    if known is None and not study.get_trials(deepcopy=False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([objective.metric for objective in spec.objectives])
        study.set_user_attr(_SWEEP, identity(spec))
    elif known != identity(spec):
        raise ConfigError(
            f"study {name!r} is there already and about something else (another space, objective, seeds, budget or "
            "data): give --study another name, or delete it with `optuna delete-study`"
        )
    return study, created
