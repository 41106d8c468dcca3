"""Finished stages on disk, by content hash: computed once, by one process, and found again by any."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from genbench.errors import DataError
from genbench.files import clear_os_errors, file_hash, read_json, remove_unfinished, write_json
from genbench.hashing import content_hash

StageName = Literal["train", "sample", "evaluate"]

_DONE = "done.json"


@dataclass(frozen=True)
class Outcome:
    """A finished stage: where its files are, what it recorded, and whether it was there already."""

    folder: Path
    record: dict[str, Any]
    reused: bool


class StageStore:
    """Keeps each stage's files in ``<root>/<stage>/<hash>/``; ``done.json`` is written last and says it is finished.

    It lists the files with their sizes and SHA-256, and has a digest of its own content. Sizes and that digest are
    looked at whenever a stage is looked up, contents when a stage is about to be built upon; a stage that is damaged
    counts as not done, so that it is computed again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, stage: StageName, key: str) -> Path:
        """Where a stage's files are or will be."""
        return self._root / stage / key

    def find(self, stage: StageName, key: str, *, contents: bool = False) -> Outcome | None:
        """The finished stage, or None when it is absent, unfinished, or its record or one of its files is damaged.

        With ``contents`` files are held against their digests, without against their sizes alone.
        """
        folder = self.folder(stage, key)
        done = _done(folder)
        if done is None or _damaged(folder, done, contents=contents):
            return None
        return Outcome(folder, done["record"], reused=True)

    def obtain(
        self,
        stage: StageName,
        key: str,
        compute: Callable[[Path], dict[str, Any]],
        *,
        waiting: Callable[[], None],
        damaged: Callable[[str], None] = lambda _: None,
    ) -> Outcome:
        """The stage's outcome; ``compute(folder)`` makes it unless it is there.

        When another process is computing the same stage, ``waiting()`` is called once and then its result is used. A
        stage whose files are damaged is named to ``damaged(...)`` and computed again. What ``compute`` leaves behind
        when it fails or is killed (a checkpoint) is there for the next attempt.
        """
        folder = self.folder(stage, key)
        if (found := self._sound(folder)) is not None:
            return found
        with clear_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder.with_suffix(".lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
        try:
            if (found := self._sound(folder)) is not None:
                return found
            with clear_os_errors(folder):
                remove_unfinished(folder)
                if (folder / _DONE).exists():
                    damaged(f"{_damage(folder)}: computed again")
                    (folder / _DONE).unlink()
            record = compute(folder)
            content = json.loads(json.dumps({"record": record, "files": _described(folder)}))  # as it will be read
            write_json(folder / _DONE, content | {"digest": content_hash(content)})
        finally:
            lock.release()
        return Outcome(folder, record, reused=False)

    def _sound(self, folder: Path) -> Outcome | None:
        done = _done(folder)
        return None if done is None or _damaged(folder, done) else Outcome(folder, done["record"], reused=True)


def _done(folder: Path) -> dict[str, Any] | None:
    """What ``done.json`` says; None when it is missing, damaged or edited."""
    try:
        done = read_json(folder / _DONE)
    except DataError:
        return None
    if not isinstance(done, dict) or done.keys() != {"record", "files", "digest"}:
        return None
    return done if done.pop("digest") == content_hash(done) else None


def _damage(folder: Path) -> str:
    """What is wrong with a stage that has a ``done.json``."""
    done = _done(folder)
    return f"{folder / _DONE} is damaged" if done is None else f"{_damaged(folder, done)} is damaged or missing"


def _damaged(folder: Path, done: dict[str, Any], *, contents: bool = True) -> Path | None:
    """The first file of a stage that is missing, cut short or (by its ``contents``) changed; None if all are sound."""
    for name, noted in done["files"].items():
        path = folder / str(name)
        if not path.is_file() or path.stat().st_size != noted["size"]:
            return path
        if contents and file_hash(path) != noted["sha256"]:
            return path
    return None


def _described(folder: Path) -> dict[str, dict[str, Any]]:
    """Sizes and digests of the stage's files, by their paths within its folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / _DONE)
    return {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": file_hash(path)}
        for path in files
        if path.suffix != ".damaged"
    }
