"""The wide table: one line a row, three columns a measure; and both tables as Parquet."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

from genbench.exporting.csv import as_csv
from genbench.exporting.tidy import plain, to_frame, unicode
from genbench.tables import Comparison, Row

if TYPE_CHECKING:
    import pandas as pd

_ABOUT = ("label", "family", "preset", "selection", "budget", "seeds", "failed")


def to_wide(comparison: Comparison) -> pd.DataFrame:
    """One line for each row: what ran, then ``KEY``, ``KEY_low`` and ``KEY_high`` for each measure.

    Numbers are neither rounded nor scaled; what was not measured is NaN. Units, identities and single seeds are in the
    tidy table.
    """
    import pandas as pd

    keys = [column.key for column in comparison.columns]
    measures = [f"{key}{part}" for key in keys for part in ("", "_low", "_high")]
    frame = pd.DataFrame.from_records(
        [_about(row) | _measures(row, keys) for row in comparison.rows], columns=[*_ABOUT, *measures]
    )
    return frame.astype({"seeds": "int64", "failed": "int64"} | dict.fromkeys(measures, "float64"))


def to_wide_csv(comparison: Comparison) -> str:
    """`to_wide` as CSV with a heading."""
    return as_csv(to_wide(comparison))


def to_parquet(comparison: Comparison) -> bytes:
    """The tidy table (`genbench.exporting.to_frame`) as Parquet.

    The file's pandas attributes (``frame.attrs``) have the comparison's name, title, notes and command.
    """
    frame = to_frame(comparison)
    about = {"name": comparison.name, "title": comparison.title, "command": comparison.command}
    frame.attrs = json.loads(json.dumps(plain({**about, "notes": list(comparison.notes)})))
    buffer = BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def _about(row: Row) -> dict[str, Any]:
    return {
        "label": unicode(row.label),
        "family": unicode(row.family),
        "preset": unicode(row.preset),
        "selection": "" if row.reference else row.selection,
        "budget": row.budget,
        "seeds": row.seeds,
        "failed": row.failed,
    }


def _measures(row: Row, keys: list[str]) -> dict[str, float | None]:
    cells = {key: row.cells[key] for key in keys if key in row.cells}
    return {
        f"{key}{part}": value
        for key, cell in cells.items()
        for part, value in (("", cell.mean), ("_low", cell.low), ("_high", cell.high))
    }
