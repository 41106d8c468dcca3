"""The report: one self-contained HTML page about a finished comparison."""

from __future__ import annotations

from genbench.reporting.page import REPORT, to_page, write_report
from genbench.reporting.verdict import Verdict, verdict

__all__ = ["REPORT", "Verdict", "to_page", "verdict", "write_report"]
