"""An interruption is never lost."""

import signal
import sys
import time
import weakref

import pytest

from genbench.interruption import redeliver_interrupts


def test_an_interruption_that_python_would_ignore_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    redeliver_interrupts()

    class Thing:
        pass

    thing = Thing()
    kept = weakref.ref(thing, lambda reference: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        del thing
        time.sleep(10)
    assert kept() is None
