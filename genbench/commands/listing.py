"""``genbench ls``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from genbench import plugins
from genbench.commands.output import print_rows
from genbench.plugins import Broken

if TYPE_CHECKING:  # torch takes seconds to import, and a list of runs does not need it
    from genbench.api import Family
    from genbench.data.base import Dataset
    from genbench.metrics.base import Metric

Rows = tuple[list[dict[str, Any]], Sequence[str]]


def list_things(what: str, *, results: Path, limit: int, output: str) -> None:
    """Print one listing on stdout; plug-ins that cannot be loaded are named on stderr."""
    listings: dict[str, Callable[[], Rows]] = {
        "families": _families,
        "datasets": _datasets,
        "metrics": _metrics,
        "presets": _presets,
        "runs": lambda: _runs(results, limit),
        "sweeps": _sweeps,
    }
    rows, columns = listings[what]()
    print_rows(rows, columns, output)


def _families() -> Rows:
    good = _available("families")
    rows = [
        {"family": name, "task": f.task, "version": f.version, "title": f.title}
        for name, f in ((name, cast("Family", entry)) for name, entry in good.items())
    ]
    return rows, ("family", "task", "version", "title")


def _presets() -> Rows:
    rows = []
    for name, entry in _available("families").items():
        for preset_name, preset in cast("Family", entry).presets.items():
            data = f"{preset.dataset} {preset.resolution or ''}".strip() if preset.dataset else ""
            rows.append(
                {
                    "family": name,
                    "preset": preset_name,
                    "budget": preset.budget,
                    "data": data,
                    "description": preset.description,
                }
            )
    return rows, ("family", "preset", "budget", "data", "description")


def _sweeps() -> Rows:
    from genbench.errors import ConfigError
    from genbench.sweeping import available, read
    from genbench.sweeping.studies import limit_of

    rows = []
    for name, path in available().items():
        try:
            spec = read(path)
        except ConfigError as error:
            print(f"genbench: {error}", file=sys.stderr)
            continue
        row = {"sweep": name, "family": spec.family, "data": spec.data.name, "trials": limit_of(spec)}
        rows.append({**row, "seeds": spec.seeds, "description": spec.description})
    return rows, ("sweep", "family", "data", "trials", "seeds", "description")


def _datasets() -> Rows:
    rows = [
        {"dataset": name, "resolution": d.default_resolution, "built in": "yes" if d.builtin else "", "title": d.title}
        for name, d in ((name, cast("Dataset", entry)) for name, entry in _available("datasets").items())
    ]
    return rows, ("dataset", "resolution", "built in", "title")


def _metrics() -> Rows:
    rows = [
        {"metric": name, "task": m.task, "better": m.better, "title": m.title}
        for name, m in ((name, cast("Metric", entry)) for name, entry in _available("metrics").items())
    ]
    return rows, ("metric", "task", "better", "title")


def _runs(results: Path, limit: int) -> Rows:
    from genbench.tracking import Store

    columns = ("run", "name", "status", "started", "accuracy", "fid", "train_s")
    if not Store.exists(results):
        return [], columns
    rows = []
    for run in Store(results).runs(limit):
        shown = {key: run.metrics.get(key) for key in ("accuracy", "fid", "train_s")}
        started = datetime.fromtimestamp(run.started).isoformat(sep=" ", timespec="minutes")
        rows.append({"run": run.id[:8], "name": run.name, "status": run.status, "started": started, **shown})
    return rows, columns


def _available(kind: plugins.Kind) -> dict[str, object]:
    good, broken = plugins.available(kind)
    for entry in broken:
        _warn(entry)
    return good


def _warn(entry: Broken) -> None:
    print(f"genbench: {entry.reason}", file=sys.stderr)
