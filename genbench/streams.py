"""stdout and stderr as a command has them: names that a terminal has no letters for, readers that go away."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path


def prepare() -> None:
    """Spell out what a stream cannot encode, and note when its reader goes away.

    Work goes on when nobody reads stderr any more: hours of training are not lost with who watched them. A stream that
    was closed from the start is one that nobody reads.
    """
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Stream(sys.stdout, undaunted=False)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Stream(sys.stderr, undaunted=True)


def stdout_is_unread() -> bool:
    """Whether the reader of stdout (head, less) has gone."""
    return bool(getattr(sys.stdout, "unread", False))


class _Stream(io.TextIOWrapper):
    """A stream that goes nowhere once its reader is gone, and says so by the exception, unless it is ``undaunted``."""

    def __init__(self, stream: io.TextIOWrapper, *, undaunted: bool) -> None:
        stream.flush()
        super().__init__(stream.buffer, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering)
        self._undaunted, self.unread = undaunted, False

    def write(self, text: str) -> int:
        """As everywhere."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def flush(self) -> None:
        """As everywhere."""
        try:
            super().flush()
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        self.unread = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if not self._undaunted:
            raise BrokenPipeError(errno.EPIPE, "nobody reads stdout any more")
