"""A family that goes wrong in its fifth step, or in sampling, as ``GENBENCH_TEST_FAULT`` says."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genbench.api import Batch
from tests.toy_family import Toy, ToyLearner


def fail() -> None:
    """What happens at the wrong moment."""
    fault = os.environ.get("GENBENCH_TEST_FAULT", "")
    if fault == "raises":
        raise ZeroDivisionError("of a stranger's code\nin two lines")
    if fault == "memory":
        raise MemoryError
    if fault == "memory of torch":
        torch.empty(1 << 60, dtype=torch.uint8)
    if fault == "memory of a GPU":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB")
    if fault == "hangs":
        threading.Event().wait()
    if fault == "hangs in C":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(1000)
    if fault == "full disk":
        raise OSError(28, "No space left on device")
    if fault == "interrupted":
        raise KeyboardInterrupt


class FaultyLearner(ToyLearner):
    def step(self, batch: Batch, progress: float) -> Mapping[str, Tensor | float]:
        scalars = super().step(batch, progress)
        if self.count == 5:
            fail()
            if os.environ.get("GENBENCH_TEST_FAULT") == "nan":
                return {**scalars, "loss": torch.tensor(float("nan"))}
        return scalars


class Faulty(Toy):
    Learner: ClassVar[type[ToyLearner]] = FaultyLearner


class FaultySamplingLearner(ToyLearner):
    def sample(self, conditions, config, *, generator):
        fail()
        return super().sample(conditions, config, generator=generator)


class FaultySampling(Toy):
    Learner: ClassVar[type[ToyLearner]] = FaultySamplingLearner
