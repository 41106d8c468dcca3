"""One run: train → sample → evaluate, each stage reused when its hash is already done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from genbench.allocating import bounded
from genbench.api import GenbenchError, GenerativeLearner, Learner
from genbench.checkpoints import DamagedCheckpoint, before, fall_back
from genbench.crowding import crowding
from genbench.distributing import launching
from genbench.distributing.team import Team
from genbench.errors import ConfigError, DataError, DiskFull, RunError
from genbench.exporting.curves import draw_curves
from genbench.files import NO_SPACE
from genbench.hashing import content_hash, derive_seed
from genbench.keeping import HISTORY, read_history, weights_file, write_history, write_weights
from genbench.observing import Observer
from genbench.planning import Plan, batch_size
from genbench.randomness import kept_random_state
from genbench.recording import provenance, run_record
from genbench.resources import MEGABYTE, MemoryMeter, is_out_of_memory, warm_up
from genbench.selection import FINAL, Criterion
from genbench.stages import Outcome, StageName, StageStore
from genbench.tasks.base import Draws
from genbench.training import Training

Result = TypeVar("Result")

CHECKPOINT = "checkpoint.safetensors"
SHEET = "samples.png"
FIGURES = "figures"


class Runner:
    """Carries plans out. Trained networks of the latest run stay at hand, so that sampling need not load them again."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self.stages = StageStore(results / "stages")
        self._latest: tuple[str, Training] | None = None
        self._validates: dict[str, bool] = {}
        self._looked_around = False

    def run(self, plan: Plan, observer: Observer | None = None) -> dict[str, Any]:
        """Do what of the run is not yet done, and return its full record (the content of ``result.json``).

        Raises:
            Diverged: training did not stay finite.
            RunError: the family's code failed, with its own error as the cause.
            GenbenchError: bad input, such as a configuration that does not fit the data.
        """
        observer = observer or Observer()
        try:
            train = self._train(plan, observer)
            sample = self._sample(plan, train, observer)
            evaluate = self._evaluate(plan, sample, observer)
        finally:
            self._latest = None
        try:
            return run_record(plan, train, sample, evaluate)
        except (KeyError, TypeError, AttributeError) as error:
            folders = ", ".join(str(stage.folder) for stage in (train, sample, evaluate))
            raise DataError(
                f"done.json in one of {folders} is damaged ({type(error).__name__}: {error}): delete that folder and "
                "run again"
            ) from error

    def assistant(self, plan: Plan, rank: int) -> Callable[[Team], None]:
        """What trains as process ``rank`` of a team whose leader runs the plan; it writes nothing and says nothing."""
        training = self._training(plan, self.stages.folder("train", plan.train_hash), rank=rank)
        return lambda team: _guarded(plan, "training", lambda: training.run(team=team))

    def trained(self, plan: Plan, train: Outcome) -> Training:
        """The trained networks of a finished train stage; `Training.applied` gives them the weights of the selection.

        Raises:
            RunError: when training never had a finite score to choose weights by.
        """
        if self._latest is not None and self._latest[0] == plan.train_hash:
            training = self._latest[1]
        else:
            training = self._training(plan, train.folder)
        try:
            training.select(plan.spec.selection)
        except ConfigError as error:
            raise RunError(f"{error} (no score by it was finite): use selection final") from error
        return training

    def check_selection(self, plan: Plan) -> None:
        """Raise `ConfigError` when the plan's weights are chosen by a validation loss and the family has none."""
        if plan.spec.selection != "validation":
            return
        if plan.resolved.family.samples_quickly:
            return
        train = plan.resolved.train.model_dump(mode="json")
        key = content_hash({"family": plan.spec.family, "train": train, "resolution": plan.task.info.resolution})
        if key not in self._validates:
            learner = _guarded(plan, "building the networks", lambda: build_learner(plan))
            self._validates[key] = getattr(type(learner), "validate", None) is not GenerativeLearner.validate
        if not self._validates[key]:
            others = ", ".join(name for name in plan.task.selections if name != "validation")
            raise ConfigError(f"family {plan.spec.family!r} has no validation loss to choose weights by: use {others}")

    def _train(self, plan: Plan, observer: Observer) -> Outcome:
        def compute(folder: Path) -> dict[str, Any]:
            observer.stage_started("train", 1.0, "budget")
            self._warn_if_crowded(plan, observer)
            warm_up(plan.device)
            with MemoryMeter(plan.device) as memory:
                training = self._begun(plan, folder, observer)
                request = {"spec": plan.spec.model_dump(mode="json"), "results": str(self._results.resolve())}
                with launching.assembled(plan.processes, plan.device, request) as team:
                    _guarded(plan, "training", lambda: training.run(observer, team))
                    circumstances = provenance(plan)
            self._latest = (plan.train_hash, training)
            write_history(folder / HISTORY, training.history)
            chosen = training.choice.best
            for name in (FINAL, *chosen):
                write_weights(folder / weights_file(name), training.weights(name))
            before(folder / CHECKPOINT).unlink(missing_ok=True)
            return {
                **training.costs(),
                "selections": {
                    name: {"score": best.score, "step": best.step, "value": best.value} for name, best in chosen.items()
                },
                "peak_memory_mb": memory.peak / MEGABYTE,
                **circumstances,
            }

        outcome = self._obtained("train", plan.train_hash, compute, observer)
        if outcome.reused:
            for name, (steps, values) in read_history(outcome.folder / HISTORY).items():
                observer.scalars(name, steps, values)
        observer.stage_finished("train", reused=outcome.reused)
        return outcome

    def _warn_if_crowded(self, plan: Plan, observer: Observer) -> None:
        """Say once, before the first training, that other work on the machine will slow it down."""
        if not self._looked_around:
            self._looked_around = True
            if crowded := crowding(plan.device):
                observer.warned(crowded)

    def _sample(self, plan: Plan, train: Outcome, observer: Observer) -> Outcome:
        def compute(folder: Path) -> dict[str, Any]:
            training = self.trained(plan, train)
            with MemoryMeter(plan.device) as memory, training.applied() as learner:
                costs = _guarded(plan, "sampling", lambda: plan.task.produce(learner, plan, folder, observer))
            return {**costs, "sample_memory_mb": memory.peak / MEGABYTE, **provenance(plan)}

        outcome = self._obtained("sample", plan.sample_hash, compute, observer)
        observer.stage_finished("sample", reused=outcome.reused)
        return outcome

    def _evaluate(self, plan: Plan, sample: Outcome, observer: Observer) -> Outcome:
        def compute(folder: Path) -> dict[str, Any]:
            values = _guarded(plan, "measuring", lambda: plan.task.measure(plan, sample.folder, observer))
            plan.task.sheet([(plan.spec.family, sample.folder)], folder / SHEET, title=plan.label)
            if isinstance(plan.task, Draws):
                draw = plan.task.draw
                _guarded(plan, "drawing", lambda: draw(plan, sample.folder, folder / FIGURES))
            history = self.stages.folder("train", plan.train_hash) / HISTORY
            if history.exists() and (curves := read_history(history)):
                draw_curves(curves, folder / FIGURES, title=plan.label)
            return {"values": [asdict(value) for value in values], **provenance(plan)}

        outcome = self._obtained("evaluate", plan.evaluate_hash, compute, observer)
        observer.stage_finished("evaluate", reused=outcome.reused)
        return outcome

    def _obtained(
        self, stage: StageName, key: str, compute: Callable[[Path], dict[str, Any]], observer: Observer
    ) -> Outcome:
        waiting = f"another process is at work on the same {stage} stage: waiting for its result"
        return self.stages.obtain(
            stage, key, compute, waiting=lambda: observer.warned(waiting), damaged=observer.warned
        )

    def _begun(self, plan: Plan, folder: Path, observer: Observer) -> Training:
        """Training as far as it has come. A checkpoint that cannot be used is put aside, and the one before it is
        taken; when that cannot be used either, training begins anew.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            fall_back(path)
        while True:
            try:
                return self._training(plan, folder, criteria=plan.task.criteria(plan))
            except DamagedCheckpoint as error:
                aside = fall_back(path)
                if aside is None:
                    raise
                goes_on = "goes on from the checkpoint before it" if path.exists() else "begins anew"
                observer.warned(f"{error}; kept as {aside.name}, and training {plan.label} {goes_on}")

    def _training(self, plan: Plan, folder: Path, criteria: Sequence[Criterion] = (), *, rank: int = 0) -> Training:
        resolved = plan.resolved
        pictures = batch_size(resolved)
        return Training(
            _guarded(plan, "building the networks", lambda: build_learner(plan)),
            plan.task.batches(batch_size=pictures, seed=plan.seed, device=plan.device, augment=plan.spec.data.augment),
            batch_size=pictures,
            budget=resolved.budget,
            seed=plan.seed,
            device=plan.device,
            precision=plan.precision,
            checkpoint=folder / CHECKPOINT,
            criteria=criteria,
            rank=rank,
            compile=plan.spec.compile,
        )


def build_learner(plan: Plan) -> Learner:
    """A fresh learner for a plan, its initial weights derived from the plan's seed."""
    family, resolved = plan.resolved.family, plan.resolved
    guided = family.needs_guide(resolved.train) or family.needs_guide(resolved.sample)
    guide = plan.task.guide(plan.device) if guided else None
    with kept_random_state(), bounded(plan.label):
        torch.manual_seed(derive_seed(plan.seed, "init"))
        return family.learner(resolved.train, plan.task.info, guide=guide)


def _guarded(plan: Plan, doing: str, call: Callable[[], Result]) -> Result:
    """Run a family's code; whatever it raises becomes one line that names the family."""
    where = f"{plan.spec.family} (seed {plan.spec.repetition}): {doing} failed"
    try:
        return call()
    except GenbenchError:
        raise
    except Exception as error:  # a family is a stranger's code
        if is_out_of_memory(error):
            raise RunError(f"{where}: out of memory: lower train.batch_size or sample.batch_size") from error
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise DiskFull(f"{where}: no space left on the device: free some, or choose another folder") from error
        cause = (str(error).splitlines() or [""])[0]
        raise RunError(f"{where}: {type(error).__name__}: {cause}") from error
