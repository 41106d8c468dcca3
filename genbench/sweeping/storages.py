"""Optuna storages by address: SQLite, PostgreSQL, MySQL, or a journal file."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from genbench.errors import ConfigError
from genbench.masking import mask_secrets
from genbench.sweeping.patience import PatientStorage

LOCK_SECONDS = 300.0
"""Longer than any worker writes; a lock that is held longer is a fault of the file system."""

_JOURNAL = "journal:"


def absolute(address: str) -> str:
    """The address with the path of a file made absolute, so that it means the same to every process.

    Raises:
        ConfigError: it is no address, it names a database in memory, or its folder cannot be written.
    """
    file = _file(address)
    if file is None:
        return address
    path = file.expanduser().absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError("the folder cannot be written")
    except OSError as error:
        raise ConfigError(
            f"Optuna storage {address}: {error.strerror or error}: choose another file with --storage"
        ) from None
    return f"{_JOURNAL}{path}" if address.startswith(_JOURNAL) else f"sqlite:///{path}"


def open_storage(address: str) -> BaseStorage:
    """The storage behind an `absolute` address.

    Raises:
        ConfigError: when it cannot be opened.
    """
    shown = mask_secrets(address)
    try:
        if address.startswith(_JOURNAL):
            return JournalStorage(JournalFileBackend(address.removeprefix(_JOURNAL)))
        if address.startswith("sqlite:"):
            return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": 120}})
        return PatientStorage(address, engine_kwargs={"pool_pre_ping": True})
    except ImportError as error:
        raise ConfigError(f"Optuna storage {shown}: a driver is missing: {first_line(error)}") from None
    except (SQLAlchemyError, ValueError, RuntimeError, OSError) as error:
        advice = "check --storage or OPTUNA_STORAGE"
        raise ConfigError(f"Optuna storage {shown} cannot be opened: {first_line(error)}: {advice}") from None


def writing_lock(address: str) -> AbstractContextManager[Any]:
    """SQLite refuses writers that come at the same time; those that queue at a lock are not refused."""
    file = _file(address)
    if file is None or address.startswith(_JOURNAL):
        return nullcontext()
    return FileLock(f"{file}.lock", timeout=LOCK_SECONDS)


def first_line(error: BaseException) -> str:
    """An error in one line without passwords."""
    return mask_secrets((str(error).splitlines() or [type(error).__name__])[0][:300])


def _file(address: str) -> Path | None:
    """The file of a storage that is one; None for a server."""
    if address.startswith(_JOURNAL):
        name = address.removeprefix(_JOURNAL).removeprefix("//")
        if not name:
            raise ConfigError("Optuna storage journal: names no file: write journal:FILE")
        return Path(name)
    try:
        url = make_url(address)
    except SQLAlchemyError:
        raise ConfigError(
            f"Optuna storage {mask_secrets(address)!r} cannot be opened: write sqlite:///FILE, postgresql://…, "
            "mysql://… or journal:FILE"
        ) from None
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or ":memory:" in url.database:
        raise ConfigError("Optuna storage sqlite in memory is gone with its process: name a file, sqlite:///FILE")
    return Path(url.database)
