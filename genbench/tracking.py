"""The store of runs. This is the only file that knows MLflow."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from genbench.errors import DataError, GenbenchError
from genbench.files import clear_os_errors, read_json, writable_folder, write_json
from genbench.masking import mask_secrets
from genbench.observing import Observer
from genbench.records import check_record

# What MLflow prints about creating tables is of no use to the reader of a comparison, and nothing is sent anywhere.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
for _noisy in ("mlflow", "alembic", "mlflow.store.db.utils"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, Run, RunTag  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

EXPERIMENT = "genbench"
RESULT = "result.json"

_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # or the UI asks, and shows the views for language models
    "mlflow.note.content": "Runs of genbench. Filter by tag, for example: tags.`genbench.family` = 'ddpm'",
}
_TAG_LENGTH = 5000
_PARAM_LENGTH = 6000
_METRICS_A_BATCH = 1000
_PARAMS_A_BATCH = 100


@dataclass(frozen=True)
class RunSummary:
    """One line of ``genbench ls runs``; ``status`` is finished, failed, diverged, running or interrupted."""

    id: str
    name: str
    family: str
    dataset: str
    preset: str
    status: str
    started: float
    metrics: Mapping[str, float]
    reason: str = ""


class Store:
    """Runs with their parameters, losses, metrics and files, in SQLite under ``results`` or wherever
    ``MLFLOW_TRACKING_URI`` points.

    Raises:
        GenbenchError: from every method, when the store cannot be reached or written, naming it (without passwords).
    """

    def __init__(self, results: Path) -> None:
        self._results = results.resolve()
        configured = os.environ.get("MLFLOW_TRACKING_URI")
        self.uri = configured or f"sqlite:///{self._results / 'mlflow.db'}"
        self._local = configured is None
        if self._local and set("?%#") & set(str(self._results)):
            raise GenbenchError(f"{self._results}: a results folder's path must not have ?, % or #: choose another")
        if self._local:
            writable_folder(self._results)
        try:
            urlsplit(self.uri)
        except ValueError as error:
            raise GenbenchError(f"MLFLOW_TRACKING_URI {self.address}: no address ({error}): correct it") from None
        with self._clear_errors():
            self._client = MlflowClient(tracking_uri=self.uri)
            self._experiment = self._open_experiment()

    @staticmethod
    def exists(results: Path) -> bool:
        """Whether there is a store to look into, so that looking makes none."""
        return "MLFLOW_TRACKING_URI" in os.environ or (results / "mlflow.db").exists()

    @property
    def address(self) -> str:
        """The store's address without a password."""
        return mask_secrets(self.uri)

    def find(self, run_hash: str) -> str | None:
        """The id of a finished run with this run hash, or None."""
        with self._clear_errors():
            runs = self._client.search_runs(
                [self._experiment],
                f"tags.`genbench.run` = '{run_hash}' and attributes.status = 'FINISHED'",
                max_results=1,
            )
        return str(runs[0].info.run_id) if runs else None

    def record(self, run_id: str) -> dict[str, Any]:
        """A finished run's full record (``result.json``).

        Raises:
            DataError: when the run did not finish, or its record is damaged.
        """
        with self._clear_errors():
            status = _status(self._client.get_run(run_id))
            if status != "finished":
                raise DataError(f"run {run_id[:8]} is {status}, so it has no record: run it again to finish it")
            path = Path(self._client.download_artifacts(run_id, RESULT))
        return check_record(read_json(path), path)

    def read_record(self, run_id: str) -> dict[str, Any] | None:
        """A finished run's record, or None when its files are gone (the results were moved, say)."""
        try:
            return self.record(run_id)
        except GenbenchError:
            return None

    def resolve(self, name: str) -> str:
        """The id of the run that an id, the beginning of one, or a run's name means; the latest of equal names.

        Raises:
            DataError: when there is none, or the beginning fits several.
        """
        runs = self._search()
        starting = [run for run in runs if re.fullmatch("[0-9a-f]{4,32}", name) and run.info.run_id.startswith(name)]
        if len(starting) > 1:
            raise DataError(f"run {name!r} is ambiguous: it begins {len(starting)} ids; give more digits")
        chosen = starting or [run for run in runs if run.info.run_name == name]
        if not chosen:
            raise DataError(f"no run {name!r} in {self.address}: `genbench ls runs` lists them")
        return str(chosen[0].info.run_id)

    def runs(self, limit: int = 1000) -> list[RunSummary]:
        """The latest runs, newest first."""
        return [_summary(run) for run in self._search(limit)]

    def begin(
        self, *, name: str, tags: Mapping[str, str], params: Mapping[str, Any], parent: str | None = None
    ) -> RunLog:
        """Start a run, or a group of runs; ``parent`` is the id of the group that it belongs to."""
        commit = git_commit()
        all_tags = {
            **tags,
            **({"mlflow.source.git.commit": commit} if commit else {}),
            **({"mlflow.parentRunId": parent} if parent else {}),
            "mlflow.source.name": "genbench",
        }
        with self._clear_errors():
            run = self._client.create_run(
                self._experiment, run_name=name, tags={k: v[:_TAG_LENGTH] for k, v in all_tags.items()}
            )
            entries = [Param(key, str(value)[:_PARAM_LENGTH]) for key, value in params.items()]
            for start in range(0, len(entries), _PARAMS_A_BATCH):
                self._client.log_batch(run.info.run_id, params=entries[start : start + _PARAMS_A_BATCH])
        return RunLog(self, self._client, run.info.run_id)

    def group(self, run_id: str) -> RunLog:
        """A group of runs that was begun earlier, to go on with."""
        with self._clear_errors():
            self._client.update_run(run_id, status="RUNNING")
        return RunLog(self, self._client, run_id)

    def ui_path(self) -> str:
        """Where in the MLflow UI the runs are: what follows the server's address."""
        return f"/#/experiments/{self._experiment}/runs?workflowType=machine_learning"

    def ui_command(self, host: str, port: int) -> tuple[list[str], dict[str, str]]:
        """The command that opens the MLflow UI on this store, and the environment variables that it needs.

        The store's address is among these, because everybody on the machine can read a command line.
        """
        return ["mlflow", "ui", "--host", host, "--port", str(port)], {"MLFLOW_BACKEND_STORE_URI": self.uri}

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, SQLAlchemyError) as error:
            reason = mask_secrets((str(error).splitlines() or [""])[0][:300])
            advice = (
                f"{self._results / 'mlflow.db'} is damaged or locked" if self._local else "check MLFLOW_TRACKING_URI"
            )
            raise GenbenchError(f"MLflow store {self.address}: {advice}: {reason}") from error
        except OSError as error:
            with clear_os_errors(self._results):
                raise
            raise GenbenchError(f"MLflow store {self.address}: {mask_secrets(str(error))}") from error

    def _search(self, limit: int = 10_000) -> list[Run]:
        with self._clear_errors():
            return list(
                self._client.search_runs(
                    [self._experiment],
                    "tags.`genbench.kind` = 'run'",
                    max_results=limit,
                    order_by=["attributes.start_time DESC"],
                )
            )

    def _open_experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        location = (self._results / "artifacts").as_uri() if self._local else None
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=location, tags=_EXPERIMENT_TAGS))


class RunLog(Observer):
    """Writes one run to the store while it goes on."""

    def __init__(self, store: Store, client: MlflowClient, run_id: str) -> None:
        self.id = run_id
        self._store = store
        self._client = client

    def scalars(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Log training scalars under ``train/``."""
        now = int(time.time() * 1000)
        metrics = [
            Metric(f"train/{metric_name(name)}", value, now, step) for step, value in zip(steps, values, strict=True)
        ]
        with self._store._clear_errors():
            for start in range(0, len(metrics), _METRICS_A_BATCH):
                self._client.log_batch(self.id, metrics=metrics[start : start + _METRICS_A_BATCH])

    def finish(self, record: Mapping[str, Any], scratch: Path, files: Sequence[tuple[str, Path]]) -> None:
        """Log the record's metrics and identities, the files with their artifact folders, and the end of the run."""
        now = int(time.time() * 1000)
        metrics = record["metrics"]
        tags = [
            RunTag(f"genbench.identity.{metric_name(name)}", json.dumps(entry["identity"])[:_TAG_LENGTH])
            for name, entry in metrics.items()
        ]
        with self._store._clear_errors():
            self._client.log_batch(
                self.id,
                metrics=[Metric(metric_name(name), entry["value"], now, 0) for name, entry in metrics.items()],
                tags=[*tags, RunTag("genbench.status", "finished")],
            )
            self._client.log_artifact(self.id, str(write_json(scratch / RESULT, record)))
            for folder, path in files:
                self._client.log_artifact(self.id, str(path), folder or None)
            self._client.set_terminated(self.id, "FINISHED")

    def close(
        self,
        metrics: Mapping[str, float],
        params: Mapping[str, Any],
        files: Sequence[Path] = (),
        *,
        status: str = "finished",
    ) -> None:
        """End a group of runs with what came of it: ``status`` is finished, failed or pruned."""
        now = int(time.time() * 1000)
        with self._store._clear_errors():
            self._client.log_batch(
                self.id,
                metrics=[Metric(metric_name(name), value, now, 0) for name, value in metrics.items()],
                tags=[
                    RunTag("genbench.status", status),
                    *(RunTag(f"genbench.{key}", str(value)[:_TAG_LENGTH]) for key, value in params.items()),
                ],
            )
            for path in files:
                self._client.log_artifact(self.id, str(path))
            ended = {"finished": "FINISHED", "interrupted": "KILLED"}
            self._client.set_terminated(self.id, ended.get(status, "FAILED"))

    def fail(self, status: str, reason: str) -> None:
        """Record that the run did not finish: ``status`` is failed, diverged or interrupted."""
        with self._store._clear_errors():
            self._client.set_tag(self.id, "genbench.status", status)
            self._client.set_tag(self.id, "genbench.reason", mask_secrets(reason)[:_TAG_LENGTH])
            self._client.set_terminated(self.id, "KILLED" if status == "interrupted" else "FAILED")


def metric_name(name: str) -> str:
    """``name`` with every character that MLflow refuses in metric names replaced by an underscore."""
    return re.sub(r"[^/\w.\- ]", "_", name)


def git_commit() -> str | None:
    """The commit of the checkout that the code runs from, with ``-dirty`` if it has changes; None outside one."""
    here = Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        dirty = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}-dirty" if dirty else head


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]  # the user's own git, wherever it is
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _status(run: Run) -> str:
    """Finished, failed, diverged, running or interrupted."""
    return run.data.tags.get("genbench.status", "running" if run.info.status == "RUNNING" else run.info.status.lower())


def _summary(run: Run) -> RunSummary:
    tags = run.data.tags
    return RunSummary(
        id=run.info.run_id,
        name=run.info.run_name,
        family=tags.get("genbench.family", ""),
        dataset=tags.get("genbench.dataset", ""),
        preset=tags.get("genbench.preset", ""),
        status=_status(run),
        started=run.info.start_time / 1000,
        metrics={k: v for k, v in run.data.metrics.items() if not k.startswith("train/")},
        reason=tags.get("genbench.reason", ""),
    )
