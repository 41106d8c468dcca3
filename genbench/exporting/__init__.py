"""What leaves genbench: tables for programs (CSV, JSON, Parquet), papers (LaTeX), pages (Markdown, HTML) and terminals,
picture sheets and figures, and the finished comparison as one file from which all of them are made again.

Everything here prints a `genbench.tables.Comparison`; nothing is measured or decided.
"""

from __future__ import annotations

from genbench.exporting.archive import Archived, KeptRun, finished_files, read_archive, write_archive
from genbench.exporting.fronts import draw_fronts
from genbench.exporting.losses import draw_losses
from genbench.exporting.objects import draw_objects
from genbench.exporting.points import draw_points
from genbench.exporting.published import with_published
from genbench.exporting.selecting import select_columns
from genbench.exporting.tidy import to_frame, to_json
from genbench.exporting.wide import to_wide
from genbench.exporting.writing import print_table, write_tables

__all__ = [
    "Archived",
    "KeptRun",
    "draw_fronts",
    "draw_losses",
    "draw_objects",
    "draw_points",
    "finished_files",
    "print_table",
    "read_archive",
    "select_columns",
    "to_frame",
    "to_json",
    "to_wide",
    "with_published",
    "write_archive",
    "write_tables",
]
