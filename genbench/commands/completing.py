"""What a shell offers when Tab is pressed: names of plug-ins, of their presets and of runs.

Whatever goes wrong here, there is nothing to offer: nothing is printed, and nothing is made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from genbench import plugins

Offers = list[tuple[str, str]]
"""What can be completed to, each with a word on what it is (empty: nothing to say)."""

_USUAL_PRESETS = ("smoke", "quick", "standard")
_RUNS = 100


def families(incomplete: str) -> Offers:
    """Names of installed families."""
    return _fitting(incomplete, _plain(plugins.names("families")))


def rows(incomplete: str) -> Offers:
    """``FAMILY`` or, after a colon, ``FAMILY:PRESET``."""
    family, colon, _ = incomplete.partition(":")
    if not colon:
        return families(incomplete)
    return _fitting(incomplete, lambda: [(f"{family}:{name}", text) for name, text in _presets_of([family])])


def presets(context: typer.Context, incomplete: str) -> Offers:
    """Presets of the families on the command line, or those that every family has."""
    named = context.params.get("families") or context.params.get("family") or context.params.get("what") or []
    words = [named] if isinstance(named, str) else [*named]
    words += [word for word in context.args if not word.startswith("-")]  # left over where an option lacks its value
    chosen = [word.partition(":")[0].partition("@")[0] for word in words]
    return _fitting(incomplete, lambda: _presets_of(chosen) if chosen else _plain(_USUAL_PRESETS)())


def datasets(incomplete: str) -> Offers:
    """Names of data sets; after a colon, a target domain for the source that stands before it."""
    source, colon, _ = incomplete.rpartition(":")
    return _fitting(incomplete, _plain(f"{source}{colon}{name}" for name in plugins.names("datasets")))


def metrics(incomplete: str) -> Offers:
    """Names of metrics, continued after the last comma."""
    before, comma, _ = incomplete.rpartition(",")
    taken = before.split(",")
    return _fitting(
        incomplete, _plain(f"{before}{comma}{name}" for name in plugins.names("metrics") if name not in taken)
    )


def runs(context: typer.Context, incomplete: str) -> Offers:
    """Ids of the latest runs of the results folder, with their names."""
    results = Path(context.params.get("results") or "results")

    def latest() -> Offers:
        from genbench.tracking import Store

        found = Store(results).runs(_RUNS) if Store.exists(results) else []
        return [(run.id[:8], f"{run.name} ({run.status})") for run in found]

    return _fitting(incomplete, latest)


def _presets_of(names: Iterable[str]) -> Offers:
    found = {name: preset.description for family in names for name, preset in plugins.family(family).presets.items()}
    return list(found.items())


def _plain(names: Iterable[str]) -> Callable[[], Offers]:
    return lambda: [(name, "") for name in names]


def _fitting(incomplete: str, offer: Callable[[], Offers]) -> Offers:
    with contextlib.suppress(Exception):  # a traceback in the middle of a command line helps nobody
        return [(value, text) for value, text in offer() if value.startswith(incomplete)]
    return []
