"""The comparison table as data: what `genbench.comparing` computes and `genbench.exporting` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

SCHEMA = 1
"""Version of the JSON that `genbench compare --format json` prints."""

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Column:
    """One measure.

    Attributes:
        key: unique name, e.g. ``"accuracy"`` or ``"train_s"``.
        title: what tables print as its heading.
        unit: e.g. ``"s"``, ``"MB"``, or empty.
        better: which direction wins; ``"neither"`` for descriptions such as the parameter count.
        identity: what makes its numbers comparable (extractor, weights, reference, sample count, machine …).
        note: the identity in words, for footnotes.
        minor: True for a column that files for machines have (CSV, JSON) and tables for people leave out.
    """

    key: str
    title: str
    unit: str = ""
    better: Better = "neither"
    identity: Mapping[str, str | int | float | None] = field(default_factory=dict)
    note: str = ""
    minor: bool = False


@dataclass(frozen=True)
class Cell:
    """One measure of one row over its seeds.

    ``low`` and ``high`` bound the 95 % interval of the mean and are None where nothing can be said (a single seed).
    ``ceiling`` is what real held-out pictures score, where that question makes sense.
    """

    mean: float
    low: float | None
    high: float | None
    values: Sequence[float]
    ceiling: float | None = None


@dataclass(frozen=True)
class Row:
    """One family under one configuration, over all its seeds.

    Attributes:
        label: the row's name, unique in its table.
        family, preset: what ran.
        seeds: repetitions asked for; ``failed`` of them did not finish, for the ``reasons`` given.
        cells: by `Column.key`; a column that could not be measured is absent.
        runs: ids of the runs in the store, in order of repetition.
        reference: True for a row of published or reference numbers (real data's floor), which has no runs.
    """

    label: str
    family: str
    preset: str
    seeds: int
    failed: int
    cells: Mapping[str, Cell]
    runs: Sequence[str] = ()
    reasons: Sequence[str] = ()
    reference: bool = False


@dataclass(frozen=True)
class Comparison:
    """A table over runs.

    Attributes:
        name: also the folder's name under ``results/``.
        title: a caption in one sentence: task, data, resolution, budget.
        task, dataset, resolution: what was compared on.
        columns: in printing order.
        rows: in the order asked for; reference rows last.
        notes: sentences for below the table (intervals, seeds, machine); the columns' own notes come after them.
        command: the command that makes this table again.
    """

    name: str
    title: str
    task: str
    dataset: str
    resolution: int
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    command: str = ""


def main_columns(comparison: Comparison) -> Comparison:
    """The same comparison without its minor columns: what tables for people print."""
    return replace(comparison, columns=[column for column in comparison.columns if not column.minor])
