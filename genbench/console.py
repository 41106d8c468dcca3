"""What the terminal shows while runs go on: progress on stderr, one line for what is finished."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from genbench.masking import mask_secrets
from genbench.observing import Observer, Stage

_VERBS: dict[Stage, str] = {
    "data": "prepare data",
    "evaluators": "train evaluator",
    "train": "train",
    "sample": "sample",
    "evaluate": "evaluate",
}


_BESIDE = 43
"""Columns that bar, share, rate and remaining time take beside the description."""


class _Rate(ProgressColumn):
    """Units a second, or the rate that the stage itself reports."""

    def render(self, task: Task) -> Text:
        """The rate as text."""
        rate = task.fields.get("rate", "")
        if not rate and task.speed is not None and task.fields.get("unit") != "budget":
            rate = f"{task.speed:,.0f} {task.fields.get('unit', '')}/s"
        return Text(rate, style="cyan")


class ProgressBars(Observer):
    """Progress bars on a terminal; plain lines when stderr is a file; nothing when quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._live = self._console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:>3.0f}%"),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._stage: Stage | None = None
        self._prefix = self._short = ""
        self._since = time.monotonic()

    def __enter__(self) -> ProgressBars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line on stderr, unless quiet."""
        if not self._quiet:
            self._console.print(escape(mask_secrets(text)), soft_wrap=True)

    def run_started(self, number: int, total: int, label: str) -> None:  # noqa: D102
        self._prefix = f"[{number}/{total}] {label}"
        parts = label.split(" · ")
        self._short = f"[{number}/{total}] {' · '.join(dict.fromkeys([parts[0], parts[-1]]))}"

    def run_reused(self, label: str) -> None:  # noqa: D102
        self.say(f"{self._prefix or label}: found in the store")

    def run_failed(self, label: str, reason: str) -> None:  # noqa: D102
        self._close()
        if self._quiet:
            return
        named = self._short if self._prefix.endswith(f"] {label}") else label
        self._console.print(f"{escape(named)} failed: {escape(mask_secrets(reason))}", style="red", soft_wrap=True)

    def warned(self, message: str) -> None:  # noqa: D102
        self._console.print(f"warning: {escape(mask_secrets(message))}", style="yellow", soft_wrap=True)

    def stage_started(self, stage: Stage, total: float, unit: str) -> None:  # noqa: D102
        if self._stage == stage:
            return
        self._close()
        self._stage, self._since = stage, time.monotonic()
        description = f"{self._short} · {_VERBS[stage]}" if self._short else _VERBS[stage]
        description = _shortened(description, self._console.width - _BESIDE)
        self._task = self._progress.add_task(escape(description), total=total, unit=unit)

    def stage_progress(self, stage: Stage, done: float, rate: str = "") -> None:  # noqa: D102
        if self._task is not None and stage == self._stage:
            self._progress.update(self._task, completed=done, rate=rate)

    def stage_finished(self, stage: Stage, *, reused: bool) -> None:  # noqa: D102
        started = stage == self._stage
        self._close()
        if stage in ("data", "evaluators") and not started:
            return
        took = "reused" if reused and stage not in ("data", "evaluators") else f"{time.monotonic() - self._since:.1f} s"
        self.say(f"{self._prefix or 'genbench'} · {_VERBS[stage]}: {took}")
        self._since = time.monotonic()

    def _close(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._stage = None


def _shortened(description: str, room: int) -> str:
    """A description with its beginning cut, so that seed and stage, at its end, still fit."""
    if len(description) <= room:
        return description
    label, dot, end = description.partition(" · ")
    kept = max(8, room - len(dot + end) - 1)
    return f"{label[:kept]}…{dot}{end}" if kept < len(label) else description
