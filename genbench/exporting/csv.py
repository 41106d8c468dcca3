"""The tidy table as CSV (RFC 4180 quoting, ``\\n`` line ends, UTF-8), with all digits."""

from __future__ import annotations

from genbench.exporting.tidy import to_frame
from genbench.tables import Comparison


def to_csv(comparison: Comparison) -> str:
    """`to_frame` as CSV with a heading; what was not measured is empty.

    Reading it back gives the same frame: ``pandas.read_csv(path, float_precision="round_trip")``.
    """
    return to_frame(comparison).to_csv(index=False, lineterminator="\n")
