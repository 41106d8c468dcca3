"""What is told while a run goes on: to the progress bars, to the store, to whoever listens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Stage = Literal["data", "evaluators", "train", "sample", "evaluate"]


class Observer:
    """Listens to a run. Every method does nothing by default; override what is of interest."""

    def run_started(self, number: int, total: int, label: str) -> None:
        """Run ``number`` of ``total`` begins."""

    def run_reused(self, label: str) -> None:
        """The run was in the store already."""

    def run_failed(self, label: str, reason: str) -> None:
        """A run failed; the others go on."""

    def warned(self, message: str) -> None:
        """Something went wrong that does not stop the run."""

    def stage_started(self, stage: Stage, total: float, unit: str) -> None:
        """A stage begins that will count up to ``total`` in ``unit``."""

    def stage_progress(self, stage: Stage, done: float, rate: str = "") -> None:
        """It has come to ``done``; ``rate`` says how fast where that is not ``done`` a second."""

    def stage_finished(self, stage: Stage, *, reused: bool) -> None:
        """It is complete; ``reused`` when its result was there already."""

    def scalars(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Training logged ``values`` of ``name`` at ``steps``."""


class Observers(Observer):
    """Passes everything on to several observers."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def run_started(self, number: int, total: int, label: str) -> None:  # noqa: D102
        for observer in self._observers:
            observer.run_started(number, total, label)

    def run_reused(self, label: str) -> None:  # noqa: D102
        for observer in self._observers:
            observer.run_reused(label)

    def run_failed(self, label: str, reason: str) -> None:  # noqa: D102
        for observer in self._observers:
            observer.run_failed(label, reason)

    def warned(self, message: str) -> None:  # noqa: D102
        for observer in self._observers:
            observer.warned(message)

    def stage_started(self, stage: Stage, total: float, unit: str) -> None:  # noqa: D102
        for observer in self._observers:
            observer.stage_started(stage, total, unit)

    def stage_progress(self, stage: Stage, done: float, rate: str = "") -> None:  # noqa: D102
        for observer in self._observers:
            observer.stage_progress(stage, done, rate)

    def stage_finished(self, stage: Stage, *, reused: bool) -> None:  # noqa: D102
        for observer in self._observers:
            observer.stage_finished(stage, reused=reused)

    def scalars(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:  # noqa: D102
        for observer in self._observers:
            observer.scalars(name, steps, values)
