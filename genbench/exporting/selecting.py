"""Which measures of a finished comparison are exported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from genbench.errors import ConfigError
from genbench.plugins import nearest
from genbench.tables import Column, Comparison

ALL = "all"
_NUMBERED = re.compile(r" \[\d+\]$")


def select_columns(comparison: Comparison, wanted: Sequence[str]) -> Comparison:
    """The same comparison with the ``wanted`` measures only, in that order, all of them shown in tables for people.

    A name stands for its parts too (``accuracy`` for ``accuracy/test``) and for every identity that it was measured
    under; ``all`` for everything. Without any, nothing changes: files for programs have every measure, tables for
    people the main ones.

    Raises:
        ConfigError: a name that the comparison has no measure for, with the nearest one.
    """
    if not wanted:
        return comparison
    chosen: dict[str, Column] = {}
    for name in wanted:
        found = [column for column in comparison.columns if name == ALL or _is_of(column.key, name)]
        if not found:
            known = nearest(name, [ALL, *(column.key for column in comparison.columns)])
            raise ConfigError(f"--columns: {comparison.name} has no measure {name!r}: {known}")
        chosen |= {column.key: replace(column, minor=False) for column in found if column.key not in chosen}
    return replace(comparison, columns=list(chosen.values()))


def _is_of(key: str, wanted: str) -> bool:
    name = _NUMBERED.sub("", key)
    return wanted in (key, name) or name.startswith(f"{wanted}/")
