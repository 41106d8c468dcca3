"""What the runs of one row gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genbench.specs import RowSpec
from genbench.tables import Failure
from genbench.workbench import Finished


@dataclass
class Gathered:
    """What the runs of one row gave."""

    label: str
    spec: RowSpec
    runs: list[Finished] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The finished runs' records, in order of repetition."""
        return [run.record for run in self.runs]

    @property
    def selection(self) -> Mapping[str, Any]:
        """How the first finished run's weights were chosen, as its record says."""
        first = self.records[0].get("selection") if self.runs else None
        return first or {"name": str(getattr(self.spec, "selection", "final"))}

    @property
    def marks(self) -> list[str]:
        """What a reader must know about the row, each remark of its records once."""
        return list(dict.fromkeys(str(mark) for record in self.records for mark in record.get("marks") or ()))
