"""The one training loop: budget, seeds, averaging, clock, checkpoints. It knows no family."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor

from genbench import checkpoints
from genbench.api import Diverged, Learner
from genbench.averaging import WeightAverage
from genbench.budgets import Budget
from genbench.checkpoints import Counters, History
from genbench.hashing import derive_seed
from genbench.observing import Observer
from genbench.precision import Precision, prepare
from genbench.resources import Stopwatch, counted_flop, parameter_count

FLUSH_SECONDS = 1.0
CHECKPOINT_SECONDS = 60.0


class BatchSource(Protocol):
    """What the loop draws from: the batch of step k depends on nothing but k (and the seed it was built with)."""

    def batch(self, step: int) -> Any:
        """The batch for a step, on the device."""


class Training:
    """A learner under training: build it, `run` it, then `applied` gives the networks that are to be sampled.

    Args:
        learner: freshly built by a family.
        batches: where pictures come from, ``batch_size`` a step.
        budget: when to stop.
        seed: of the repetition; every step's randomness is derived from it and the step's number.
        device, precision: where and in which number format.
        checkpoint: file to keep the state in, and to go on from when it is there; None keeps nothing.
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
    ) -> None:
        self.learner = learner
        self.counters = Counters()
        self.history = History()
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
            self.counters, self.history = checkpoints.load(checkpoint, learner, self._average)

    def run(self, observer: Observer | None = None) -> None:
        """Train until the budget is spent.

        Raises:
            Diverged: when a logged value stops being finite, or the learner says so.
        """
        observer = observer or Observer()
        for name, steps in self.history.steps.items():
            observer.scalars(name, steps, self.history.values[name])
        for network in self.learner.networks.values():
            network.train()
        with _kept_random_state(), _between_steps() as stop:
            self._loop(observer, stop)
        if self._checkpoint is not None:
            self._save()

    @contextmanager
    def applied(self) -> Iterator[Learner]:
        """The learner as it is to be used: averaged weights in place, eval mode, no gradients."""
        for network in self.learner.networks.values():
            network.eval()
        with torch.no_grad():
            if self._average is None:
                yield self.learner
            else:
                with self._average.applied():
                    yield self.learner

    def costs(self) -> dict[str, float]:
        """What training took: seconds, steps, pictures, operations, parameters."""
        counters = self.counters
        return {
            "train_s": counters.seconds,
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
        while (progress := self._progress(clock.seconds)) < 1:
            if not self.counters.step:
                clock.pause()  # the first step also counts operations, and pays for what happens once a process
            self._step(progress)
            clock.start()
            now = time.monotonic()
            if stop.is_set():
                self._interrupt(clock, observer)
            if now - flushed < FLUSH_SECONDS:
                continue
            clock.pause()
            self.counters.seconds = clock.seconds
            self._flush(observer)
            rate = f"{self.counters.pictures / clock.seconds:,.0f} img/s"
            observer.stage_progress("train", self._progress(clock.seconds), rate)
            if self._checkpoint is not None and now - saved >= CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
            flushed = time.monotonic()
            clock.start()
        clock.pause()
        self.counters.seconds = clock.seconds
        self._flush(observer)
        observer.stage_progress("train", 1.0)

    def _interrupt(self, clock: Stopwatch, observer: Observer) -> None:
        """Keep what is trained, then end as Ctrl-C does."""
        clock.pause()
        self.counters.seconds = clock.seconds
        self._flush(observer)
        if self._checkpoint is not None:
            self._save()
        raise KeyboardInterrupt

    def _step(self, progress: float) -> None:
        step = self.counters.step
        torch.manual_seed(derive_seed(self._seed, "step", step))
        batch = self._batches.batch(step)
        if self.counters.flop_per_step:
            scalars = self.learner.step(batch, progress)
        else:
            with counted_flop() as flop:
                scalars = self.learner.step(batch, progress)
            self.counters.flop_per_step = flop[0]
        if self._average is not None:
            self._average.update(step)
        self._pending.append((step, scalars))
        self.counters.step += 1
        self.counters.pictures += self._batch_size

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
            values = torch.stack(tensors).tolist()
            for step, value in zip(steps, values, strict=True):
                if not math.isfinite(value):
                    raise Diverged(
                        f"{name} is {value} at step {step}: lower the learning rate or use precision float32"
                    )
                self.history.add(name, step, value)
            observer.scalars(name, steps, values)

    def _save(self) -> None:
        assert self._checkpoint is not None
        checkpoints.save(self._checkpoint, self.learner, self._average, self.counters, self.history)


@contextmanager
def _between_steps() -> Iterator[threading.Event]:
    """Within the block, the first Ctrl-C or SIGTERM sets the yielded event, so that a step is never cut in half; the
    second acts at once. Signals can be caught in the main thread only; elsewhere nothing changes.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.set()
        for signal_number in before:
            signal.signal(signal_number, signal.default_int_handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _kept_random_state() -> Iterator[None]:
    """Training reseeds torch's global generators at every step; the caller's state is put back afterwards."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        yield
