"""Which process of which machine is at work on something, so that others can see when it is gone."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

import psutil


def _started(pid: int) -> float:
    """When a process began: on Linux in ticks since the machine booted, which no change of the clock moves."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return float(stat.read_text().rpartition(")")[2].split()[19])  # field 22 of proc(5), starttime
    return psutil.Process(pid).create_time()


@dataclass(frozen=True, kw_only=True)
class ProcessId:
    """A process on a host, told from an earlier one with the same number by when it began. Default: this process."""

    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    started: float = field(default_factory=lambda: _started(os.getpid()))

    @property
    def known_dead(self) -> bool:
        """Whether it is gone; False for processes of other hosts, of which nothing can be told."""
        if self.host != socket.gethostname():
            return False
        try:
            return abs(_started(self.pid) - self.started) > 1
        except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
            return True
        except (OSError, psutil.Error):
            return False
