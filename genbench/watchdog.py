"""A limit on how long training or sampling may show no sign of life: off, unless ``GENBENCH_STALL_SECONDS`` is set.

Only who runs it knows how long one step of a model may take, so there is no default.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import NoReturn

from genbench.errors import ConfigError, RunError
from genbench.observing import Observer, Stage

VARIABLE = "GENBENCH_STALL_SECONDS"

_GRACE_SECONDS = 10.0
"""How long a process that hangs where Python cannot interrupt it (in a driver, say) lives on."""

_WATCHED: tuple[Stage, ...] = ("train", "sample")


class Watchdog(Observer):
    """Within its block, ends a run that stalls: by `RunError` in the main thread, or else by ending the process.

    Steps of training and batches of sampling are signs of life; reading data, scoring and measuring are not watched.

    Args:
        seconds: the longest time without a sign of life; None watches nothing.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._stage: Stage | None = None
        self._since = 0.0
        self._left = threading.Event()

    def __enter__(self) -> None:
        if self._seconds is not None:
            if threading.current_thread() is threading.main_thread():
                self._before = signal.signal(signal.SIGALRM, self._stalled)
            threading.Thread(target=self._watch, args=(self._seconds,), daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if hasattr(self, "_before"):
            signal.signal(signal.SIGALRM, self._before)

    def stage_started(self, stage: Stage, total: float, unit: str) -> None:  # noqa: D102, ARG002
        self._since = time.monotonic()
        self._stage = stage if stage in _WATCHED else None

    def stage_progress(self, stage: Stage, done: float, rate: str = "") -> None:  # noqa: D102, ARG002
        self._since = time.monotonic()

    def scalars(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:  # noqa: D102, ARG002
        self._since = time.monotonic()

    def stage_finished(self, stage: Stage, *, reused: bool) -> None:  # noqa: D102, ARG002
        self._stage = None

    def _watch(self, seconds: float) -> None:
        while not self._left.wait(min(1.0, seconds / 4)):
            if self._stage is not None and time.monotonic() - self._since > seconds:
                break
        else:
            return
        if hasattr(self, "_before"):
            until = time.monotonic() + _GRACE_SECONDS
            while time.monotonic() < until:  # more than once: where it hits, an exception may go unheard
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
                if self._left.wait(1.0):
                    return
        print(f"genbench: {self._words()}", file=sys.stderr, flush=True)
        os._exit(RunError.exit_code)

    def _stalled(self, number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG002
        raise RunError(self._words())

    def _words(self) -> str:
        doing = {"train": "training", "sample": "sampling"}.get(self._stage or "train")
        return f"{doing} made no progress for {self._seconds:g} s ({VARIABLE}): the family or its device hangs"


def permitted() -> float | None:
    """The limit that ``GENBENCH_STALL_SECONDS`` sets, in seconds; None without one.

    Raises:
        ConfigError: it is no positive number.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = -1.0
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ConfigError(f"{VARIABLE}={text}: expected a number of seconds above 0, such as 600, or nothing")
    return seconds
