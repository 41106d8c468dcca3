"""The one training loop: budget, seeds, averaging, clock, checkpoints. It knows no family."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from genbench import checkpoints
from genbench.api import Diverged, Learner
from genbench.averaging import WeightAverage
from genbench.budgets import Budget
from genbench.checkpoints import Counters, History
from genbench.compiling import compile_networks, refusals
from genbench.distributing.team import ALONE, Orders, Team
from genbench.errors import ConfigError
from genbench.hashing import derive_seed
from genbench.interruption import between_steps
from genbench.observing import Observer
from genbench.precision import Precision, prepare
from genbench.randomness import kept_random_state, seed_generators
from genbench.resources import Stopwatch, counted_flop, parameter_count
from genbench.selection import FINAL, Choice, Criterion, Selector
from genbench.specs import CompileMode
from genbench.weights import Weights, evaluating, placed, weights_of

FLUSH_SECONDS = 1.0
CHECKPOINT_SECONDS = 60.0


class BatchSource(Protocol):
    """What the loop draws from: the batch of step k depends on nothing but k (and the seed it was built with)."""

    def batch(self, step: int) -> Any:
        """The batch for a step, on the device."""


class Training:
    """A learner under training: build it, `run` it, then `applied` gives the networks that are to be sampled.

    Attributes:
        choice: the best weights so far by each criterion.
        selected: which weights `applied` puts in place: ``"final"`` or a criterion's name; see `select`.

    Args:
        learner: freshly built by a family.
        batches: where pictures come from, ``batch_size`` a step.
        budget: when to stop.
        seed: of the repetition; every step's randomness is derived from it and the step's number.
        device, precision: where and in which number format.
        checkpoint: file to keep the state in, and to go on from when it is there; None keeps nothing.
        criteria: scores by which the best weights are kept beside those at the end.
        rank: this process's number among those that train together; 0 is the only one that writes the checkpoint.
        compile: mode of `torch.compile` for the networks' steps; ``off`` runs them as they are.
    """

    def __init__(
        self,
        learner: Learner,
        batches: BatchSource,
        *,
        batch_size: int,
        budget: Budget,
        seed: int,
        device: torch.device,
        precision: Precision,
        checkpoint: Path | None = None,
        criteria: Sequence[Criterion] = (),
        rank: int = 0,
        compile: CompileMode = "off",
    ) -> None:
        self.learner = learner
        self.counters = Counters()
        self.history = History()
        self.choice = Choice()
        self.selected = FINAL
        self._batches = batches
        self._batch_size = batch_size
        self._budget = budget
        self._seed = seed
        self._device = device
        self._checkpoint = checkpoint
        prepare(learner.networks.values(), device, precision)
        self._average = WeightAverage(learner, learner.averaging) if learner.averaging else None
        self._pending: list[tuple[int, Mapping[str, Tensor | float]]] = []
        if checkpoint is not None and checkpoint.exists():
            loaded = checkpoints.load(checkpoint, learner, self._average, rank=rank)
            self.counters, self.history, self.choice = loaded
        self._selector = Selector(criteria, self.choice)
        self._team = ALONE
        self._compile = compile
        self._compiled = compile == "off"

    def run(self, observer: Observer | None = None, team: Team = ALONE) -> None:
        """Train until the budget is spent, in step with the others of a team, each of which does the same.

        Raises:
            Diverged: when a logged value stops being finite, or the learner says so.
            RunError: when another process of the team is lost.
        """
        self._team = team
        observer = observer or Observer()
        for name, steps in self.history.steps.items():
            observer.scalars(name, steps, self.history.values[name])
        for network in self.learner.networks.values():
            network.train()
        with kept_random_state(), team.training(self.learner, self.counters.step):
            with between_steps() as stop:
                self._loop(observer, stop)
            self._save()

    def select(self, name: str) -> None:
        """Let `applied` put these weights in place: ``"final"``, or the best by the criterion of that name.

        Raises:
            ConfigError: when no weights were chosen by it.
        """
        if name != FINAL and name not in self.choice.best:
            known = ", ".join([FINAL, *sorted(self.choice.best)])
            raise ConfigError(f"selection {name!r}: training has chosen no weights by it, only {known}")
        self.selected = name

    @contextmanager
    def applied(self) -> Iterator[Learner]:
        """The learner as it is to be used: selected (and averaged) weights in place, eval mode, no gradients."""
        with evaluating(self.learner), torch.no_grad(), self._chosen():
            yield self.learner

    def weights(self, name: str) -> Weights:
        """A snapshot of the weights that `select` would select."""
        if name != FINAL:
            return self.choice.best[name].weights
        with torch.no_grad(), self._averaged():
            return weights_of(self.learner)

    def costs(self) -> dict[str, float]:
        """What training took: seconds (without and of scoring), steps, pictures, operations, parameters."""
        counters = self.counters
        return {
            "train_s": counters.seconds,
            "validation_s": self.choice.seconds,
            "train_steps": counters.step,
            "train_pictures": counters.pictures,
            "pictures_per_s": counters.pictures / counters.seconds if counters.seconds else 0.0,
            "flop_per_step": counters.flop_per_step,
            "train_flop": counters.flop_per_step * counters.step,
            "parameters": parameter_count(self.learner.networks.values()),
        }

    def _loop(self, observer: Observer, stop: threading.Event) -> None:
        clock = Stopwatch(self._device, self.counters.seconds)
        flushed = saved = time.monotonic()
        clock.start()
        while True:
            progress, now = self._progress(clock.seconds), time.monotonic()
            flush = now - flushed >= FLUSH_SECONDS or self._selector.due(progress)
            save = now - saved >= CHECKPOINT_SECONDS
            orders = self._team.agreed(Orders(progress, flush, save, stop.is_set()))
            if orders.stop:
                self._interrupt(clock, observer)
            if orders.progress >= 1:
                break
            if orders.flush:
                clock.pause()
                self.counters.seconds = clock.seconds
                self._flush(observer)
                rate = f"{self.counters.pictures / clock.seconds:,.0f} img/s"
                observer.stage_progress("train", orders.progress, rate)
                if orders.save:
                    self._save()
                    saved = time.monotonic()
                flushed = time.monotonic()
                clock.start()
            if self._selector.due(orders.progress):
                self._validate(orders.progress, clock, observer)
            if not self.counters.step or not self._compiled:
                clock.pause()  # the first step also counts operations, and pays for what happens once a process
            self._step(orders.progress)
            clock.start()
        clock.pause()
        self.counters.seconds = clock.seconds
        self._flush(observer)
        if self._selector.due(1.0):
            self._validate(1.0, clock, observer)
        clock.pause()
        observer.stage_progress("train", 1.0)

    def _validate(self, progress: float, clock: Stopwatch, observer: Observer) -> None:
        """Score the weights as they would be sampled from, with the clock stopped; training's state stays as it is.

        All scalars up to here are flushed. The leader of a team does this while the others wait.
        """
        clock.pause()
        began, step = time.perf_counter(), self.counters.step
        with kept_random_state(), evaluating(self.learner), torch.no_grad(), self._averaged():
            scores = self._selector.look(self.learner, step=step, pictures=self.counters.pictures, progress=progress)
        self.choice.seconds += time.perf_counter() - began
        for name, value in scores.items():
            self.history.add(name, step, value)
            observer.scalars(name, [step], [value])
        self.learner.scored(scores, progress)
        clock.start()

    def _interrupt(self, clock: Stopwatch, observer: Observer) -> None:
        """Keep what is trained, then end as Ctrl-C does."""
        clock.pause()
        self.counters.seconds = clock.seconds
        self._flush(observer)
        self._save()
        raise KeyboardInterrupt

    def _step(self, progress: float) -> None:
        step = self.counters.step
        seed_generators(derive_seed(self._seed, "step", step))
        with self._team.sharing(self._batches.batch(step)) as batch:
            if self.counters.flop_per_step:
                scalars = self._learn(batch, progress)
            else:
                with counted_flop() as flop:
                    scalars = self.learner.step(batch, progress)
                self.counters.flop_per_step = flop[0] * self._team.size
        if self._average is not None:
            self._average.update(step)
        self._pending.append((step, scalars))
        self.counters.step += 1
        self.counters.pictures += self._batch_size

    def _learn(self, batch: Any, progress: float) -> Mapping[str, Tensor | float]:
        """The learner's step, compiled from the first after operations were counted: compiled ones are not seen."""
        if self._compile == "off":
            return self.learner.step(batch, progress)
        if not self._compiled:
            compile_networks(self.learner.networks, self._compile)
            self._compiled = True
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        with refusals(f"a training step with --compile {self._compile}"):
            return self.learner.step(batch, progress)

    def _progress(self, seconds: float) -> float:
        counters = self.counters
        flop = counters.flop_per_step * counters.step
        return self._budget.spent(pictures=counters.pictures, steps=counters.step, seconds=seconds, flop=flop)

    def _flush(self, observer: Observer) -> None:
        """Bring pending scalars to the CPU in one transfer a name, check them and hand them on."""
        by_name: dict[str, tuple[list[int], list[Tensor]]] = {}
        for step, scalars in self._pending:
            for name, value in scalars.items():
                steps, tensors = by_name.setdefault(name, ([], []))
                steps.append(step)
                tensors.append(torch.as_tensor(value, dtype=torch.float32, device=self._device))
        self._pending.clear()
        for name, (steps, tensors) in by_name.items():
            values = self._team.mean(torch.stack(tensors)).tolist()
            for step, value in zip(steps, values, strict=True):
                if not math.isfinite(value):
                    raise Diverged(
                        f"{name} is {value} at step {step}: lower the learning rate or use precision float32"
                    )
                self.history.add(name, step, value)
            observer.scalars(name, steps, values)

    def _save(self) -> None:
        if self._checkpoint is None:
            return
        extra = self._team.gathered(self.learner.extra_state())
        if self._team.rank == 0:
            state = (self.learner, self._average, self.counters, self.history, self.choice)
            checkpoints.save(self._checkpoint, *state, extra=extra)

    def _averaged(self) -> AbstractContextManager[None]:
        return self._average.applied() if self._average is not None else nullcontext()

    def _chosen(self) -> AbstractContextManager[None]:
        return self._averaged() if self.selected == FINAL else placed(self.learner, self.weights(self.selected))
