"""The comparison table as data: what `genbench.comparing` computes and `genbench.exporting` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

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
        note: a sentence about it for below the table, beside its identity.
        minor: True for a column that files for machines have (CSV, JSON) and tables for people leave out.
    """

    key: str
    title: str
    unit: str = ""
    better: Better = "neither"
    identity: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    minor: bool = False


@dataclass(frozen=True)
class Against:
    """How a cell compares with that of the row ``row``, paired by seed.

    Attributes:
        row: label of the row compared with.
        difference: mean of (this row - that row) over ``pairs`` seeds that both finished.
        low, high: limits of its 95 % interval, not adjusted; None with fewer than two pairs.
        p_value: of "there is no difference", adjusted for all comparisons of the column; None with fewer than two.
        distinguishable: whether the two rows were shown to differ.
    """

    row: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    pairs: int
    distinguishable: bool


@dataclass(frozen=True)
class Cell:
    """One measure of one row over its seeds.

    Attributes:
        mean: of the ``values``.
        low, high: limits of the 95 % interval of the mean; None where nothing can be said.
        values: one number a seed.
        ceiling: what real held-out pictures score, where that question makes sense.
        repetitions: which seeds the values belong to, in their order.
        covers: what the interval takes into account: ``"seeds"``, ``"reference set"``; or, with one seed,
            ``"generated pictures"``.
        stderr_generated, stderr_reference: of each value, due to the generated and to the reference sample; None
            where a metric doesn't tell.
        against: the comparison with the best row (or the one chosen as reference); None for that row itself.
        decimals: how many a published number was printed with; None where its uncertainty decides.
    """

    mean: float
    low: float | None
    high: float | None
    values: Sequence[float]
    ceiling: float | None = None
    repetitions: Sequence[int] = ()
    covers: Sequence[str] = ()
    stderr_generated: Sequence[float | None] = ()
    stderr_reference: Sequence[float | None] = ()
    against: Against | None = None
    decimals: int | None = None

    @property
    def resampled_only(self) -> bool:
        """Whether the interval says nothing about training again."""
        return self.low is not None and bool(self.covers) and "seeds" not in self.covers


@dataclass(frozen=True)
class Failure:
    """A seed that did not finish: its ``status`` is ``"diverged"`` or ``"failed"``."""

    seed: int
    status: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One family under one configuration, over all its seeds.

    Attributes:
        label: the row's name, unique in its table.
        family, preset: what ran.
        seeds: repetitions asked for; ``failed`` of them did not finish, for the ``reasons`` given.
        cells: by `Column.key`; a column that could not be measured is absent.
        runs: ids of the runs in the store, in order of repetition.
        failures: the same failures with their seeds and kinds, where these are known.
        selection: how the weights were chosen: ``"final"`` are those at the end of training.
        marks: what a reader must know about the row, e.g. ``"evaluator-guided"``.
        budget: when training stopped.
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
    failures: Sequence[Failure] = ()
    selection: str = "final"
    marks: Sequence[str] = ()
    budget: str = ""
    reference: bool = False


@dataclass(frozen=True)
class Front:
    """The rows that no other beats on both quality and cost, by their means: keys of the columns, labels of rows."""

    quality: str
    cost: str
    rows: Sequence[str]


@dataclass(frozen=True)
class Comparison:
    """A table over runs.

    Attributes:
        name: also the folder's name under ``results/``.
        title: a caption in one sentence: task, data, resolution, budget.
        task, dataset, resolution: what was compared on.
        columns: in printing order.
        rows: in the order asked for; reference rows last.
        notes: sentences for below the table (intervals, seeds, machine); what columns mean comes after them.
        command: the command that makes this table again.
        fronts: Pareto fronts; the first is that of the headline measure against sampling time.
        reference_row: label of the row that all others were compared with; None for the best of each measure.
        interval: the kind of the intervals over seeds, ``"t"`` or ``"bootstrap"``.
        specification: what was asked for as TOML, flags included, which ``genbench compare --config`` reads; empty
            where it is not known.
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
    fronts: Sequence[Front] = ()
    reference_row: str | None = None
    interval: str = "t"
    specification: str = ""

    @property
    def sheet_title(self) -> str:
        """A title for pictures of the table's runs, which are those of each row's first seed."""
        return f"{self.dataset} at {self.resolution}×{self.resolution}, first seed"

    def column(self, key: str) -> Column:
        """The column with this key. Raises `KeyError` when there is none."""
        for column in self.columns:
            if column.key == key:
                return column
        raise KeyError(key)


def main_columns(comparison: Comparison) -> Comparison:
    """The same comparison without its minor columns: what tables for people print."""
    return replace(comparison, columns=[column for column in comparison.columns if not column.minor])
