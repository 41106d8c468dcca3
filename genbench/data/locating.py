"""Where the files of a data set may lie, and fetching them when that is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from genbench.data.base import DataRequest
from genbench.errors import DataError
from genbench.home import home, home_folder, writing

Fetch = Callable[[Path], Any]
"""Called as ``fetch(folder)``: put the files into ``folder``."""


def locate(
    dataset: str, request: DataRequest, names: Sequence[str], *, below: str, fetch: Fetch | None = None
) -> list[Path]:
    """The files (or folders) ``names`` of a data set, all from one place.

    Looked for in ROOT and ROOT/``below``, ROOT being the request's root or, without one, `home`; then, when the request
    allows it, fetched into `home`/``below``.

    Raises:
        DataError: when one is missing, naming it and the ways to get it, or fetching fails.
    """
    root = home() if request.root is None else request.root.expanduser()
    places = [root, root / below]
    found = [[place / name for name in names if (place / name).exists()] for place in places]
    best = max(found, key=len)
    if len(best) == len(names):
        return best
    if request.download and fetch is not None:
        return _fetched(dataset, names, below, fetch)
    place = places[found.index(best)] if best else root
    missing = next(name for name in names if not (place / name).exists())
    hint = ", or allow fetching it with --download" if fetch is not None else ""
    raise DataError(f"{place / missing}: no such file: name the folder of {dataset} with --data-root{hint}")


def stamps(paths: Sequence[Path]) -> Mapping[str, list[int]]:
    """Size and time of each file: a cheap sign of whether it changed."""
    stats = {path.name: path.stat() for path in paths}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _fetched(dataset: str, names: Sequence[str], below: str, fetch: Fetch) -> list[Path]:
    root = home_folder()
    folder = root / below
    paths = [folder / name for name in names]
    with writing(root), FileLock(root / f".{below}.lock"):
        if not all(path.exists() for path in paths):
            folder.mkdir(exist_ok=True)
            try:
                fetch(folder)
            except (RuntimeError, OSError, ValueError) as error:  # URLError is an OSError
                lines = [line.strip() for line in str(error).splitlines() if line.strip()]
                raise DataError(f"{dataset} could not be fetched: {' '.join(lines)[:300]}") from error
    return paths
