"""How a comparison is reported: choices that change no run, only what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genbench import plugins
from genbench.comparing.measures import known_stems, stem_of
from genbench.errors import ConfigError
from genbench.statistics import FEWEST_FOR_BOOTSTRAP

IntervalKind = Literal["t", "bootstrap"]

ALL = "all"


@dataclass(frozen=True)
class Report:
    """What the reader wants.

    Attributes:
        interval: Student's t over seeds, or the studentised bootstrap.
        reference_row: label of the row that all others are compared with; None for the best of each measure.
        columns: measures that tables for people show, in this order; empty for the default, ``("all",)`` for all.
    """

    interval: IntervalKind = "t"
    reference_row: str | None = None
    columns: tuple[str, ...] = ()

    def check(self, labels: Sequence[str], seeds: int) -> None:
        """Raise `ConfigError`, before anything runs, when it does not fit the rows, the seeds or what is measured."""
        if self.interval == "bootstrap" and seeds < FEWEST_FOR_BOOTSTRAP:
            raise ConfigError(
                f"--interval bootstrap needs at least {FEWEST_FOR_BOOTSTRAP} seeds, not {seeds}: "
                "too few values can be drawn from fewer; take t, or more --seeds"
            )
        if self.reference_row is not None:
            plugins.check_choice("reference row", self.reference_row, labels)
        stems = known_stems()
        for name in self.columns:
            if name != ALL and stem_of(name, stems) is None:
                raise ConfigError(f"unknown column {name!r}: {plugins.nearest(name, [*stems, ALL])}")
