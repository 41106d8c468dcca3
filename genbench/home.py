"""Where genbench keeps data, caches and weights: ``GENBENCH_HOME``, or the user's cache folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genbench.errors import GenbenchError


def home() -> Path:
    """The folder for everything that genbench keeps between runs; it need not exist yet.

    It is ``GENBENCH_HOME`` if set, else ``genbench`` in ``XDG_CACHE_HOME``, else ``~/.cache/genbench``.

    Raises:
        GenbenchError: when none is set and the user has no home folder.
    """
    if chosen := os.environ.get("GENBENCH_HOME"):
        return _expanded(chosen)
    # The XDG specification says to ignore relative paths.
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else _expanded("~/.cache")) / "genbench"


def home_folder(*parts: str) -> Path:
    """A folder below `home`, made if absent.

    Raises:
        GenbenchError: when it cannot be made, naming the folder and the reason.
    """
    folder = home().joinpath(*parts)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an `OSError` (disk full, not permitted, read-only) into one line naming ``path``.

    Raises:
        GenbenchError: in its place.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise GenbenchError(
            f"cannot write {path}: {reason}: free space there or set GENBENCH_HOME elsewhere"
        ) from error


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise GenbenchError(f"cannot find the home folder for {path}: set GENBENCH_HOME to a folder") from error
