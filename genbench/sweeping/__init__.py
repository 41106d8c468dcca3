"""Sweeps: Optuna studies over a family's configuration. Nothing outside this package knows Optuna."""

from genbench.sweeping.cluster import Resources
from genbench.sweeping.driving import Execution, Progress, Swept, check, listed, sweep
from genbench.sweeping.files import available, find, located, read
from genbench.sweeping.specification import SweepSpec

__all__ = [
    "Execution",
    "Progress",
    "Resources",
    "SweepSpec",
    "Swept",
    "available",
    "check",
    "find",
    "listed",
    "located",
    "read",
    "sweep",
]
