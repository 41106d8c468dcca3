"""Ctrl-C and SIGTERM between steps, never within one."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

REDELIVER_SECONDS = 0.2


def redeliver_interrupts() -> None:
    """Let no Ctrl-C be lost that hits code where Python can only ignore exceptions, such as an import's callbacks."""

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(REDELIVER_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = again


@contextmanager
def between_steps() -> Iterator[threading.Event]:
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
