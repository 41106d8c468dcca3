"""Workers: each takes trials of a study until none is left. In this process, in several, or as tasks of Ray."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

import psutil
from optuna.trial import Trial

from genbench.errors import GenbenchError, RunError
from genbench.interruption import redeliver_interrupts
from genbench.observing import Observer
from genbench.surroundings import environment
from genbench.sweeping.specification import SweepSpec
from genbench.sweeping.studies import SweepStudy, Worker
from genbench.sweeping.trials import execute_trial
from genbench.workbench import Workbench

PATIENCE_SECONDS = 60.0
"""How long interrupted workers may take to keep what they have trained, before they are ended."""
IDLE_SECONDS = 2.0
MOST_IDLE = 3
"""So many workers more than there are places may end without having taken a trial, before the sweep is given up."""
MOST_LOST = 3
"""So many workers for each place, and one more, may be lost with no trial coming to its end meanwhile."""


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs to know; plain values, so that it can travel to another process or machine.

    Attributes:
        spec: the sweep, as JSON values.
        storage, study: where its trials are.
        results: folder for stages and the default store.
        worker: this worker's id.
        threads: of torch; None leaves them as they are.
    """

    spec: Mapping[str, Any]
    storage: str
    study: str
    results: str
    worker: str
    threads: int | None = None


def work(assignment: Assignment) -> int:
    """Take trials until none is left; how many were taken."""
    if assignment.threads is not None:
        import torch

        torch.set_num_threads(assignment.threads)
    spec = SweepSpec.model_validate(dict(assignment.spec))
    study = SweepStudy(spec, assignment.storage, assignment.study)
    bench = Workbench(Path(assignment.results))
    return take(study, Worker(assignment.worker), lambda trial: execute_trial(study, trial, bench))


def take(study: SweepStudy, worker: Worker, execute: Callable[[Trial], None]) -> int:
    """Claim and execute trials until none is left; how many there were."""
    taken = 0
    while (trial := study.claim(worker)) is not None:
        execute(trial)
        taken += 1
    return taken


class Task(Protocol):
    """A worker at work elsewhere."""

    worker: str

    def poll(self) -> str | None:
        """None while it works, ``""`` when it has ended well, else what it died of."""

    def interrupt(self) -> None:
        """Ask it to keep what it has and stop."""

    def wait(self, seconds: float) -> None:
        """Wait for its end, and end it after so many seconds."""


class LocalTask:
    """A worker in a process of its own, with its share of the cores and one of the GPUs."""

    def __init__(self, assignment: Assignment, gpu: int | None) -> None:
        self.worker = assignment.worker
        variables = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
        if assignment.threads is not None:
            variables |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(assignment.threads))
        context = multiprocessing.get_context("spawn")
        self._process: SpawnProcess = context.Process(target=_main, args=(assignment,), daemon=False)
        with environment(variables):
            self._process.start()

    def poll(self) -> str | None:  # noqa: D102
        code = self._process.exitcode
        if code is None or code == 0:
            return None if code is None else ""
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def interrupt(self) -> None:  # noqa: D102
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGINT)

    def wait(self, seconds: float) -> None:  # noqa: D102
        self._process.join(seconds / 2)
        self.interrupt()
        self._process.join(seconds / 2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run_workers(
    study: SweepStudy,
    jobs: int,
    launch: Callable[[int, str], Task],
    observer: Observer,
    progress: Callable[[], None],
) -> None:
    """Keep ``jobs`` workers at work until no trial is left; a worker that dies is replaced, and its trial done again.

    Args:
        study: the sweep's.
        jobs: how many workers.
        launch: starts the worker in a slot, with an id.
        observer: told of workers that died.
        progress: called now and then.

    Raises:
        KeyboardInterrupt: after all workers have kept what they have.
        RunError: workers are lost again and again, and no trial comes to its end (the disk is full, say).
    """
    tasks = {slot: launch(slot, _new_id()) for slot in range(jobs)}
    idle = 0  # workers that ended one after another without having taken a trial
    lost, done = 0, study.ended()  # workers lost one after another, with no trial coming to its end meanwhile
    try:
        while tasks or wait_for_others(study, observer, progress):
            time.sleep(IDLE_SECONDS / 4)
            progress()
            ended = {slot: said for slot, task in tasks.items() if (said := task.poll()) is not None}
            for number in study.recover(ended=[tasks[slot].worker for slot, said in ended.items() if said]):
                observer.warned(f"trial {number}: its worker is gone; it is queued again")
            for slot, said in ended.items():
                if said:
                    observer.warned(f"worker {slot} ended with {said}")
                    before, done = done, study.ended()
                    lost = lost + 1 if done == before else 1
                    if lost > MOST_LOST * jobs:
                        raise RunError(f"{lost} workers were lost and no trial ended meanwhile; the last with {said}")
                idle = 0 if study.worked(tasks[slot].worker) else idle + 1
                del tasks[slot]
            if idle >= MOST_IDLE + jobs and not tasks and study.has_more():
                last = next((said for said in ended.values() if said), "no error")
                raise RunError(f"{idle} workers ended one after another without taking a trial; the last with {last}")
            for slot in range(jobs):
                if slot not in tasks and idle < MOST_IDLE + jobs and study.has_more():
                    tasks[slot] = launch(slot, _new_id())
    except (KeyboardInterrupt, GenbenchError):
        for task in tasks.values():
            task.interrupt()
        for task in tasks.values():
            task.wait(PATIENCE_SECONDS)
        study.recover(interrupted=[task.worker for task in tasks.values()])
        raise


def wait_for_others(study: SweepStudy, observer: Observer, progress: Callable[[], None]) -> bool:
    """Wait while trials run elsewhere; True as soon as one of them has to be done here, False when all have ended."""
    running = study.elsewhere()
    if running:
        observer.warned(f"{running} trial{'s run' if running > 1 else ' runs'} elsewhere: waiting for the end")
    while not study.has_more():
        if not study.elsewhere():
            return False
        time.sleep(IDLE_SECONDS)
        progress()
        for number in study.recover():
            observer.warned(f"trial {number}: its worker is gone; it is queued again")
    return True


def new_assignment(
    spec: SweepSpec, storage: str, study: str, results: Path, threads: int | None = None
) -> Callable[[str], Assignment]:
    """The assignment of a worker, by its id."""
    base = Assignment(spec.model_dump(mode="json"), storage, study, str(results), "", threads)
    return lambda worker: replace(base, worker=worker)


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


def _main(assignment: Assignment) -> None:
    """A worker process. It stops as for Ctrl-C when whoever started it is gone."""
    try:
        redeliver_interrupts()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background of a script inherit "ignore"
        parent = multiprocessing.parent_process()
        if parent is not None:
            threading.Thread(target=_mind, args=(parent.pid, os.getppid()), daemon=True).start()
        work(assignment)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
    except GenbenchError as error:
        raise SystemExit(f"genbench: {error}") from None


def _mind(pid: int | None, parent: int) -> None:
    """Interrupt this process once its parent is another, and end it if that is not enough."""
    while pid is not None and psutil.pid_exists(pid) and os.getppid() == parent:
        time.sleep(IDLE_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE_SECONDS)
    os._exit(1)
