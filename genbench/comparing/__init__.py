"""From rows and seeds to a table: runs what is missing, gathers values, computes intervals and comparisons."""

from __future__ import annotations

from genbench.comparing.gathered import Gathered
from genbench.comparing.gathering import Compared, check_same_task, compare, default_name, unique_labels
from genbench.comparing.measures import Described, describe
from genbench.comparing.remarks import REAL
from genbench.comparing.report import IntervalKind, Report
from genbench.comparing.tabulating import tabulate

__all__ = [
    "REAL",
    "Compared",
    "Described",
    "Gathered",
    "IntervalKind",
    "Report",
    "check_same_task",
    "compare",
    "default_name",
    "describe",
    "tabulate",
    "unique_labels",
]
