"""An interruption is never lost."""

import subprocess
import sys

CODE = """
import signal, time, weakref
from genbench.interruption import redeliver_interrupts

class Thing:
    pass

redeliver_interrupts()
signal.signal(signal.SIGINT, signal.default_int_handler)
thing = Thing()
kept = weakref.ref(thing, lambda reference: signal.raise_signal(signal.SIGINT))
try:
    del thing
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_that_python_would_ignore_comes_again() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)
