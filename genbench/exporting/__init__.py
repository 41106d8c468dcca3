"""What leaves genbench: tables for programs (CSV, JSON), papers (LaTeX), pages (Markdown) and terminals, and sheets.

Everything here prints a `genbench.tables.Comparison`; nothing is measured or decided.
"""

from __future__ import annotations

from genbench.exporting.fronts import draw_fronts
from genbench.exporting.tidy import to_frame, to_json
from genbench.exporting.writing import print_table, write_tables

__all__ = ["draw_fronts", "print_table", "to_frame", "to_json", "write_tables"]
