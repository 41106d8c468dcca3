"""A database server that is restarted in the middle of a sweep is waited for."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

PATIENCE_SECONDS = 300.0
"""How long a server may be away; training goes on meanwhile, and what it has to tell waits."""

_PAUSE_SECONDS = 1.0


class PatientStorage(RDBStorage):
    """Optuna's storage on a database server, every operation of which is tried again while the server is away.

    An operation may so be done twice, when its answer was lost: a trial that nobody then works on is found by its
    missing beats, and given to another worker.
    """


def _patient(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def call(self: PatientStorage, *arguments: Any, **options: Any) -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        said = False
        while True:
            try:
                return operation(self, *arguments, **options)
            except (StorageInternalError, OperationalError, InterfaceError) as error:
                if not _is_away(error) or time.monotonic() >= until:
                    raise
            if not said:
                print("genbench: the database of the sweep is away: waiting for it", file=sys.stderr, flush=True)
                said = True
            time.sleep(_PAUSE_SECONDS)

    return call


def _is_away(error: BaseException) -> bool:
    """Whether the connection broke or could not be made; False for what the database refuses to do.

    When it breaks while trials are read, Optuna tries another way to read them, on what is left of the transaction.
    """
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    return isinstance(cause, OperationalError | InterfaceError | PendingRollbackError)


# Optuna's cache before this storage calls some operations by names that are its own.
_CACHED = ("_create_new_trial", "_get_trials", "_set_trial_param", "_get_best_trial_id")

for _name in (*BaseStorage.__abstractmethods__, *(name for name in _CACHED if hasattr(RDBStorage, name))):
    setattr(PatientStorage, _name, _patient(getattr(RDBStorage, _name)))
