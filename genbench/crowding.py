"""Whether other programs keep the cores busy that training's threads are meant for."""

from __future__ import annotations

import math
import os

import psutil
import torch

LOOK_SECONDS = 0.2
NOTICED = 0.6
"""Cores busy with other work from which on it is worth a word."""


def crowding(device: torch.device) -> str | None:
    """A warning when there are more threads than cores at leisure, else None; it takes `LOOK_SECONDS` to look.

    OpenMP's threads wait for one another after every operation. One that shares its core with another program comes
    late each time, so that two threads take many times as long as one.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads < 2:
        return None
    cores = usable_cores()
    shares = psutil.cpu_percent(LOOK_SECONDS, percpu=True)
    busy = sum(share for core, share in enumerate(shares) if core in cores) / 100
    free = len(cores) - busy
    if busy < NOTICED or threads <= free + 0.5:
        return None
    fitting = max(1, math.floor(free + 0.5))
    return (
        f"{busy:.1f} of {len(cores)} cores are busy with other work: {threads} threads wait for one another, and "
        f"training can take many times as long; set OMP_NUM_THREADS={fitting}, or wait until the others have finished"
    )


def usable_cores() -> set[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))
