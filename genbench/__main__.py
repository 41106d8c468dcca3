"""The program ``genbench``: what it does before anything is imported that takes its time."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line; Ctrl-C is one line and exit code 130 from the first import to the last file written."""
    try:
        from genbench.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        print("genbench: interrupted", file=sys.stderr)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(130)


if __name__ == "__main__":
    main()
