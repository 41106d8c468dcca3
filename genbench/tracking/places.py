"""Where runs are kept: one MLflow tracking store, opened, with its errors made clear."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from genbench.errors import DiskFull, GenbenchError
from genbench.files import NO_SPACE, clear_os_errors, whole_file, writable_folder
from genbench.masking import mask_secrets

# What MLflow prints about creating tables is of no use to the reader of a comparison, and nothing is sent anywhere.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Nor where a run is on a server, with the server's password, in the midst of a table for a program to read.
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
# A server that does not answer is given up after about two minutes in place of an hour: the standby takes over.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
for _noisy in ("mlflow", "alembic", "mlflow.store.db.utils"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)  # what they log they also raise

from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

EXPERIMENT = "genbench"

_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # or the UI asks, and shows the views for language models
    "mlflow.note.content": "Runs of genbench. Filter by tag, for example: tags.`genbench.family` = 'ddpm'",
}
_AWAY = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})


class StoreAway(GenbenchError):  # noqa: N818 - a state
    """A server that keeps runs cannot be reached just now."""

    exit_code = 1


class Place:
    """An MLflow tracking store with genbench's experiment in it.

    Attributes:
        client: MLflow's.
        experiment: the experiment's id.
        address: the store's URI without a password.
        remote: whether it is on a server, which may be away for a while.

    Raises:
        StoreAway: the server cannot be reached.
        GenbenchError: when the store cannot be opened for another reason.
    """

    def __init__(self, uri: str, results: Path, *, local: bool) -> None:
        self.uri, self.local, self._results = uri, local, results
        self.address = mask_secrets(uri)
        try:
            scheme = urlsplit(uri).scheme
        except ValueError as error:
            raise GenbenchError(f"MLFLOW_TRACKING_URI {self.address}: no address ({error}): correct it") from None
        self.remote = not local and scheme.partition("+")[0] not in ("sqlite", "file", "")
        with self.clear_errors():
            if local and not self.file(results).exists():
                _make_database(self.file(results))
            self.client = MlflowClient(tracking_uri=uri)
            self.experiment = self._open_experiment()

    @staticmethod
    def file(results: Path) -> Path:
        """The database of the store in a results folder."""
        return results / "mlflow.db"

    @classmethod
    def here(cls, results: Path) -> Place:
        """The store in a results folder, made when absent."""
        if set("?%#") & set(str(results)):
            raise GenbenchError(f"{results}: a results folder's path must not have ?, % or #: choose another")
        return cls(f"sqlite:///{cls.file(results)}", results, local=True)

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Turn what MLflow and its database raise into one clear line that names the store."""
        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            reason = mask_secrets((str(error).splitlines() or [""])[0][:300])
            if self.local and ("disk is full" in str(error) or "disk I/O error" in str(error)):
                path = self.file(self._results)
                raise DiskFull(f"{path}: no space left on the device: free some, or choose another folder") from error
            advice = f"{self.file(self._results)} is damaged or locked" if self.local else "check MLFLOW_TRACKING_URI"
            kind = StoreAway if self.remote and _is_away(error) else GenbenchError
            raise kind(f"MLflow store {self.address}: {advice}: {reason}") from error
        except OSError as error:
            if self.remote and error.errno not in NO_SPACE:
                raise StoreAway(f"MLflow store {self.address}: {mask_secrets(str(error))}") from error
            with clear_os_errors(self._results):
                raise

    def _open_experiment(self) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        location = (self._results / "artifacts").as_uri() if self.local else None
        if found is not None:
            if location is not None and found.artifact_location != location:
                _follow(self.file(self._results), found.artifact_location, location)
            return str(found.experiment_id)
        try:
            return str(self.client.create_experiment(EXPERIMENT, artifact_location=location, tags=_EXPERIMENT_TAGS))
        except MlflowException:
            found = self.client.get_experiment_by_name(EXPERIMENT)  # another process may have been quicker
            if found is None:
                raise
            return str(found.experiment_id)


def _follow(database: Path, before: str, now: str) -> None:
    """Let a results folder that was moved or copied have its runs' files in itself, not where it was.

    MLflow keeps absolute addresses and has no call that changes them. In a folder that cannot be written nothing
    changes, and runs are found where they were.
    """
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (now, before))
        connection.execute(
            "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
            (now, len(before) + 1, len(before) + 1, f"{before}/"),
        )


def _make_database(path: Path) -> None:
    """Let MLflow make its tables beside their place: when that is broken off, it cannot go on from where it was."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    writable_folder(path.parent)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():  # another process was quicker
            return
        for leftover in path.parent.glob(f".{path.name}.*"):
            leftover.unlink(missing_ok=True)
        with whole_file(path) as part:
            store = SqlAlchemyStore(f"sqlite:///{part}", (path.parent / "artifacts").as_uri())  # type: ignore[no-untyped-call]
            store.engine.dispose()


def _is_away(error: Exception) -> bool:
    """Whether a server could not be reached, or has trouble of its own; False for what it refuses to do for us."""
    return getattr(error, "error_code", "INTERNAL_ERROR") in _AWAY
