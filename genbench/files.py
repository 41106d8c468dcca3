"""Files that are either whole or absent, whatever happens: written beside their place, flushed, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genbench.errors import DataError, DiskFull, GenbenchError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the operating system says when space, quota or permitted size of a file is used up."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it replaces ``path``, on failure it is gone.

    Raises:
        DiskFull: when the disk is full, naming the path.
        GenbenchError: when the folder cannot be written, naming the path.
    """
    with clear_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.chmod(0o666 & ~_umask())
            part.replace(path)
            sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a loss of power; where a file system cannot do that, nothing happens."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left of `whole_file` in a folder or below; nobody else may be writing there."""
    for part in folder.rglob(".*"):
        if part.is_file():
            part.unlink(missing_ok=True)


@contextmanager
def clear_os_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write ``path`` into one clear line.

    Raises:
        DiskFull: no space, quota or permitted size is left. GenbenchError: it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise DiskFull(f"{path}: no space left on the device: free some, or choose another folder") from error
        reason = error.strerror or str(error)
        raise GenbenchError(f"{path}: cannot be written ({reason}): choose another folder") from error


def writable_folder(path: Path) -> Path:
    """Make a folder if it is absent, and return it. Raises `GenbenchError` when it cannot be made or written."""
    with clear_os_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text file whole, and return its path."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write readable JSON whole, and return its path."""
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DataError: when the file is missing, not JSON or not text, naming it and the line.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a UTF-8 text file") from None
    except RecursionError:
        raise DataError(f"{path}: JSON nested too deeply") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
