"""Files that are either whole or absent, whatever happens: written beside their place, flushed, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genbench.errors import DataError, DiskFull, GenbenchError
from genbench.limits import TEXT_BYTES

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
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write readable JSON whole, and return its path."""
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path) -> str:
    """Read a UTF-8 text file; a byte order mark at its beginning, which some editors write, is left out.

    Raises:
        DataError: when it is missing, unreadable, not text, or larger than `limits.TEXT_BYTES`, naming it.
    """
    most = TEXT_BYTES.value
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}: check the path") from None
    except ValueError:
        raise DataError(f"{str(path)!r}: no file can have such a name: check the path") from None
    if len(content) > most:
        raise DataError(f"{path}: its bytes are {TEXT_BYTES.too_many}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a UTF-8 text file: save it as UTF-8") from None


def read_json(path: Path, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Read JSON; ``pairs``, when given, makes each object from its entries.

    Raises:
        DataError: when the file is missing, not JSON, not text or too large, naming it and the line.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path}: is empty: replace it")
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{path}: not valid JSON: {error.msg} ({where}): correct it") from None
    except RecursionError:
        raise DataError(f"{path}: JSON nested too deeply: replace it") from None
    except ValueError:  # a number of more digits than Python reads
        raise DataError(f"{path}: a number in it has too many digits: correct it") from None


def inside(folder: Path, name: str, where: Path) -> Path:
    """The path of a file below ``folder`` that the list ``where`` names.

    Raises:
        DataError: when the name, or a link on the way, leads out of the folder, or there is no such file.
    """
    path = folder / name
    try:
        leads_out = Path(name).is_absolute() or ".." in Path(name).parts
        if leads_out or not path.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{where}: {name!r} leads out of the folder: name files in {folder}")
        present = path.is_file()
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, links in a circle
        present = False
    if not present:
        raise DataError(f"{where}: {name!r:.200} is not in {folder}: put it there, or take it out of the list")
    return path


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
