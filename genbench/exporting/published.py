"""Published numbers beside ours: the references that families' recipes carry, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from genbench import plugins
from genbench.exporting.tidy import unicode
from genbench.tables import Cell, Comparison, Row

if TYPE_CHECKING:  # torch takes seconds to import
    from genbench.api import Family

PUBLISHED = "published: its authors' evaluator and pictures, a single run; not by the column's rule"
"""What every such row is marked with."""


def with_published(comparison: Comparison) -> Comparison:
    """The same comparison with a reference row for each published system on its data, and its sources as notes.

    Recipes of all installed families are asked for numbers on the same data set. A number stands in the first column of
    its metric, whatever that column's identity: the row's mark says that it was measured otherwise. Numbers of metrics
    that the table has no column for are told in a note. Rows have no seeds, are never best, and are compared with
    nothing.
    """
    keys = {column.key for column in comparison.columns}
    rows: list[Row] = []
    notes: list[str] = []
    for family, preset, resolution, numbers in published(comparison.dataset):
        other_size = f"; at {resolution}×{resolution}" if resolution not in (None, comparison.resolution) else ""
        for source, values in numbers.items():
            placed = {key: value for key, value in values.items() if key in keys}
            others = {key: value for key, value in values.items() if key not in keys}
            label = f"{family}:{preset} ({source})"
            if placed:
                cells = {
                    key: Cell(value, None, None, [value], decimals=_decimals(value)) for key, value in placed.items()
                }
                rows.append(Row(label, family, preset, 0, 0, cells, marks=(PUBLISHED + other_size,), reference=True))
            if others:
                told = ", ".join(f"{key} {value:g}" for key, value in others.items())
                notes.append(f"{label}, published, without a measure here: {told}")
    if not rows:
        notes.append(f"no published numbers are known for {comparison.dataset} in these measures")
    return replace(comparison, rows=[*comparison.rows, *rows], notes=[*comparison.notes, *notes])


def published(dataset: str) -> Sequence[tuple[str, str, int | None, Mapping[str, Mapping[str, float]]]]:
    """Family, preset, its resolution and, by source, values by metric, for every recipe with numbers on the data."""
    found = []
    families, _ = plugins.available("families")
    for family_name, entry in families.items():
        for preset_name, preset in cast("Family", entry).presets.items():
            sources: dict[str, dict[str, float]] = {}
            for reference in preset.references:
                if reference.dataset == dataset:
                    sources.setdefault(unicode(reference.source), {})[reference.metric] = float(reference.value)
            if sources:
                found.append((family_name, preset_name, preset.resolution, sources))
    return found


def _decimals(value: float) -> int:
    """Decimals that a number was written with: 4 for 0.5795."""
    return max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))
