"""An interruption is never lost."""

import signal
import sys
import time
import weakref

import pytest

from genbench.interruption import redeliver_interrupts


def let_go_of(things: list[object]) -> None:
    things.clear()
    time.sleep(10)


def test_an_interruption_that_python_would_ignore_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    redeliver_interrupts()

    class Thing:
        pass

    thing = Thing()
    kept = weakref.ref(thing, lambda reference: signal.raise_signal(signal.SIGINT))
    things = [thing]
    del thing
    with pytest.raises(KeyboardInterrupt):
        let_go_of(things)
    assert kept() is None
