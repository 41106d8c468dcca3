"""Finished stages on disk, by content hash: computed once, by one process, and found again by any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from genbench.errors import DataError
from genbench.files import clear_os_errors, read_json, write_json

StageName = Literal["train", "sample", "evaluate"]

_DONE = "done.json"


@dataclass(frozen=True)
class Outcome:
    """A finished stage: where its files are, what it recorded, and whether it was there already."""

    folder: Path
    record: dict[str, Any]
    reused: bool


class StageStore:
    """Keeps each stage's files in ``<root>/<stage>/<hash>/``; ``done.json`` is written last and says it is finished."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, stage: StageName, key: str) -> Path:
        """Where a stage's files are or will be."""
        return self._root / stage / key

    def find(self, stage: StageName, key: str) -> Outcome | None:
        """The finished stage, or None when it is absent, unfinished, or its record or one of its files is damaged."""
        folder = self.folder(stage, key)
        if not (folder / _DONE).exists():
            return None
        try:
            done = read_json(folder / _DONE)
        except DataError:
            return None
        if not isinstance(done, dict) or done.keys() != {"record", "files"} or done["files"] != _sizes(folder):
            return None
        return Outcome(folder, done["record"], reused=True)

    def obtain(
        self, stage: StageName, key: str, compute: Callable[[Path], dict[str, Any]], *, waiting: Callable[[], None]
    ) -> Outcome:
        """The stage's outcome; ``compute(folder)`` makes it unless it is there.

        When another process is computing the same stage, ``waiting()`` is called once and then its result is used.
        What ``compute`` leaves behind when it fails or is killed (a checkpoint) is there for the next attempt.
        """
        if (found := self.find(stage, key)) is not None:
            return found
        folder = self.folder(stage, key)
        with clear_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder.with_suffix(".lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
        try:
            if (found := self.find(stage, key)) is not None:
                return found
            record = compute(folder)
            write_json(folder / _DONE, {"record": record, "files": _sizes(folder)})
        finally:
            lock.release()
        return Outcome(folder, record, reused=False)


def _sizes(folder: Path) -> dict[str, int]:
    """The stage's files with their sizes: one that is missing or cut short means that the stage is not done."""
    files = (path for path in folder.iterdir() if path.is_file() and path.name != _DONE)
    return {path.name: path.stat().st_size for path in files if not path.name.startswith(".")}
