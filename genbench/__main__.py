"""The program ``genbench``: what it does before anything is imported that takes its time."""

from __future__ import annotations

import atexit
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C is one line and exit code 130 from the first import to the last file written."""
    interrupted: list[int] = []
    atexit.register(_leave, interrupted)  # the first to be registered is the last to be called
    try:
        from genbench.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("genbench: interrupted", file=sys.stderr)
        interrupted.append(INTERRUPTED)
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            interrupted.append(INTERRUPTED)
        raise


def _leave(interrupted: list[int]) -> None:
    """End with the exit code after a Ctrl-C: Python ends by the signal itself when that hit an ``exec`` of text."""
    if interrupted:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(interrupted[0])


if __name__ == "__main__":
    main()
