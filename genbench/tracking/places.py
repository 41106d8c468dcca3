"""Where runs are kept: one MLflow tracking store, opened, with its errors made clear."""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filelock import FileLock

from genbench.errors import DiskFull, GenbenchError, shortened
from genbench.files import NO_SPACE, clear_os_errors, whole_file, writable_folder
from genbench.masking import mask_secrets
from genbench.tracking.reading import PATIENCE, Database, Experiment, StoredRun, UnknownTables, Wanted

if TYPE_CHECKING:  # MLflow takes seconds to import, and reading a store on this machine does not need it
    from mlflow import MlflowClient

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

EXPERIMENT = "genbench"

_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # or the UI asks, and shows the views for language models
    "mlflow.note.content": "Runs of genbench. Filter by tag, for example: tags.`genbench.family` = 'ddpm'",
}
_REASON_LENGTH = 400
_IDS_A_QUESTION = 200
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
        self._database: Database | None = None
        with self.clear_errors():
            if local:
                _look_at(self.file(results))
                self._database = Database(self.file(results))
            self.experiment = self._open_experiment()

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own access to the store."""
        from mlflow import MlflowClient

        with self.clear_errors():
            return MlflowClient(tracking_uri=self.uri)

    def run(self, run_id: str) -> StoredRun | None:
        """The run of that id, deleted or not; None when there is none."""
        with self.clear_errors():
            if self._database is not None:
                with suppress(UnknownTables):
                    return self._database.run(run_id)
            return self._asked_for(run_id)

    def runs(self, wanted: Wanted, limit: int) -> list[StoredRun]:
        """The latest runs that satisfy a condition, newest first."""
        with self.clear_errors():
            if self._database is not None:
                with suppress(UnknownTables):
                    return self._database.runs(self.experiment, wanted, limit)
            if (condition := wanted.filter) is None:
                return []
            newest = ["attributes.start_time DESC"]
            found = self.client.search_runs([self.experiment], condition, max_results=limit, order_by=newest)
            return [StoredRun.of(run) for run in found]

    def known(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs the store has, deleted ones among them."""
        from mlflow.entities import ViewType

        ids, found = sorted(run_ids), set()
        with self.clear_errors():
            for start in range(0, len(ids), _IDS_A_QUESTION):
                condition = "attributes.run_id IN ({})".format(
                    ", ".join(f"'{run}'" for run in ids[start : start + _IDS_A_QUESTION])
                )
                runs = self.client.search_runs([self.experiment], condition, ViewType.ALL, _IDS_A_QUESTION)
                found |= {str(run.info.run_id) for run in runs}
        return found

    @contextmanager
    def file_of(self, run: StoredRun, name: str) -> Iterator[Path]:
        """One of a run's files, on this machine for as long as the block lasts."""
        address = urlsplit(run.files)
        if self.local and address.scheme == "file":
            yield Path(url2pathname(address.path)) / name
            return
        with tempfile.TemporaryDirectory() as scratch:
            with self.clear_errors():
                path = Path(self.client.download_artifacts(run.id, name, scratch))
            yield path

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
        except GenbenchError:
            raise
        except OSError as error:
            if self.remote and error.errno not in NO_SPACE:
                raise StoreAway(f"MLflow store {self.address}: {mask_secrets(str(error))}") from error
            with clear_os_errors(self._results):
                raise
        except Exception as error:
            if not isinstance(error, sqlite3.Error) and not isinstance(error, _errors_of_mlflow()):
                raise
            raise self._cleared(error) from error

    def _cleared(self, error: Exception) -> GenbenchError:
        reason = shortened(mask_secrets((str(error).splitlines() or [""])[0]), _REASON_LENGTH)
        if self.local and ("disk is full" in str(error) or "disk I/O error" in str(error)):
            path = self.file(self._results)
            return DiskFull(f"{path}: no space left on the device: free some, or choose another folder")
        advice = self._advice(str(error)) if self.local else "check MLFLOW_TRACKING_URI"
        kind = StoreAway if self.remote and _is_away(error) else GenbenchError
        return kind(f"MLflow store {self.address}: {advice}: {reason}")

    def _advice(self, error: str) -> str:
        path = self.file(self._results)
        if "database is locked" in error:
            return f"{path} is locked by another process: try again when that is done"
        if "out-of-date database schema" in error:
            return f"{path} was written by another version of MLflow: install that one, or choose another folder"
        return f"{path} is damaged, or cannot be read"

    def _asked_for(self, run_id: str) -> StoredRun | None:
        from mlflow.exceptions import MlflowException

        try:
            return StoredRun.of(self.client.get_run(run_id))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _open_experiment(self) -> str:
        found = self._found_experiment() or self._new_experiment()
        if found.deleted:
            raise GenbenchError(
                f"MLflow store {self.address}: its experiment {EXPERIMENT!r}, which has all runs, was deleted: "
                f"`MLFLOW_TRACKING_URI={self.address} mlflow experiments restore --experiment-id {found.id}` "
                "brings it back"
            )
        if self.local and found.files != (files := (self._results / "artifacts").as_uri()):
            _follow(self.file(self._results), found.files, files)
        return found.id

    def _new_experiment(self) -> Experiment:
        from mlflow.exceptions import MlflowException

        if self._database is not None:
            with suppress(UnknownTables):
                if (renamed := self._database.experiment_with("genbench.run")) is not None:
                    raise GenbenchError(
                        f"MLflow store {self.address}: its runs are in an experiment called {renamed!r}: "
                        f"call it {EXPERIMENT!r} again in the MLflow UI, or choose another results folder"
                    )

        files = (self._results / "artifacts").as_uri() if self.local else None
        try:
            made = self.client.create_experiment(EXPERIMENT, artifact_location=files, tags=_EXPERIMENT_TAGS)
        except MlflowException:
            found = self._found_experiment()  # another process may have been quicker
            if found is None:
                raise
            return found
        return Experiment(str(made), deleted=False, files=files or "")

    def _found_experiment(self) -> Experiment | None:
        if self._database is not None:
            with suppress(UnknownTables):
                return self._database.experiment(EXPERIMENT)
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            return None
        return Experiment(str(found.experiment_id), found.lifecycle_stage == "deleted", found.artifact_location or "")


def _look_at(path: Path) -> None:
    """Make the database of a results folder when it is absent. Raises `GenbenchError` when it is something else."""
    if path.is_symlink() and not path.exists():
        raise GenbenchError(f"{path}: leads to {path.readlink()}, which is away: bring it back, or delete the link")
    if not path.exists():
        _make_database(path)
    elif path.stat().st_size > 0 and Database(path).is_foreign():
        raise GenbenchError(f"{path}: is a database, but no store of MLflow's: choose another results folder")
    elif path.stat().st_size == 0:
        raise GenbenchError(
            f"{path}: is empty, and the runs that it had are lost: put a copy back, or delete it to begin anew"
        )


def _follow(database: Path, before: str, now: str) -> None:
    """Let a results folder that was moved or copied have its runs' files in itself, not where it was.

    MLflow keeps absolute addresses and has no call that changes them. In a folder that cannot be written nothing
    changes, and runs are found where they were.
    """
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(database, timeout=PATIENCE)) as connection,
        connection,
    ):
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


def _errors_of_mlflow() -> tuple[type[Exception], ...]:
    """What MLflow and its databases raise; importing it can wait until something was raised."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError
