"""One run as it is written to the store while it goes on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from genbench.files import file_hash, write_json
from genbench.masking import mask_secrets
from genbench.observing import Observer, Stage
from genbench.tracking.places import Place

if TYPE_CHECKING:
    from mlflow.entities import Metric

Part = tuple[Sequence[int], Sequence[float], int]
"""A part of a curve: steps, values, and when they came (milliseconds)."""

RESULT = "result.json"
DIGEST = "genbench.record"
"""Tag of a finished run: the SHA-256 of its record's file."""

TAG_LENGTH = 5000
METRICS_A_BATCH = 1000
PARAMS_A_BATCH = 100
_PARAM_LENGTH = 6000

_SECONDS_A_SEND = 1.0
_SHARE = 0.005
"""How much of a training's time sending its curves to the store may take; keeping them until then takes little."""


class Standby(Protocol):
    """Who says where a run is written from now on, when its server cannot be reached any more."""

    def stand_in(self, log: RunLog, error: Exception) -> None:
        """Give ``log`` another `RunLog.place` and `RunLog.id`, or raise the error, made clear."""


class RunLog(Observer):
    """Writes one run to the store while it goes on.

    Curves are sent so rarely, and so few of their points at a time, that this takes `_SHARE` of the time at most; every
    point is in the training's ``history.csv``.

    Attributes:
        id: of the run in the store, or in the one that stands in for it.
        place: that store.
        name, tags, params: as it was begun.
    """

    def __init__(
        self, standby: Standby, place: Place, run_id: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> None:
        self.id = run_id
        self.place = place
        self.name, self.tags, self.params = name, tags, params
        self._standby = standby
        self._pending: dict[str, list[Part]] = {}
        self._next = 0.0

    def write(self, call: Callable[[], None]) -> None:
        """Do something in the store; when its server cannot be reached, in the one that stands in for it."""
        if self.place.remote:
            try:
                call()
            except Exception as error:  # of the server, of its artifact store, or of what lies between
                self._standby.stand_in(self, error)
            else:
                return
        with self.place.clear_errors():
            call()

    def log_params(self) -> None:
        """Write the run's parameters."""
        from mlflow.entities import Param

        entries = [Param(key, str(value)[:_PARAM_LENGTH]) for key, value in self.params.items()]

        def call() -> None:
            for start in range(0, len(entries), PARAMS_A_BATCH):
                self.place.client.log_batch(self.id, params=entries[start : start + PARAMS_A_BATCH])

        self.write(call)

    def scalars(self, name: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Keep training scalars for the next time that curves are sent, under ``train/``."""
        now = int(time.time() * 1000)
        self._pending.setdefault(f"train/{metric_name(name)}", []).append((tuple(steps), tuple(values), now))

    def stage_progress(self, stage: Stage, done: float, rate: str = "") -> None:  # noqa: ARG002
        """Send curves, if it is time."""
        if stage == "train" and self._pending and time.monotonic() >= self._next:
            self._send()

    def stage_finished(self, stage: Stage, *, reused: bool) -> None:  # noqa: ARG002
        """Send what is left of the curves."""
        if stage == "train" and self._pending:
            self._send()

    def finish(self, record: Mapping[str, Any], scratch: Path, files: Sequence[tuple[str, Path]]) -> None:
        """Log the record's metrics and identities, the files with their artifact folders, and the end of the run."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        entries = record["metrics"]
        metrics = [Metric(metric_name(name), entry["value"], now, 0) for name, entry in entries.items()]
        tags = [
            RunTag(f"genbench.identity.{metric_name(name)}", json.dumps(entry["identity"])[:TAG_LENGTH])
            for name, entry in entries.items()
        ]
        result = write_json(scratch / RESULT, record)
        tags.append(RunTag(DIGEST, file_hash(result)))

        def call() -> None:
            client = self.place.client
            client.log_batch(self.id, metrics=metrics, tags=tags)
            client.log_artifact(self.id, str(result))
            for folder, path in files:
                client.log_artifact(self.id, str(path), folder or None)
            client.set_tag(self.id, "genbench.status", "finished")
            client.set_terminated(self.id, "FINISHED")

        self.write(call)

    def close(
        self,
        metrics: Mapping[str, float],
        params: Mapping[str, Any],
        files: Sequence[Path] = (),
        *,
        status: str = "finished",
    ) -> None:
        """End a group of runs with what came of it: ``status`` is finished, interrupted, failed or pruned."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        values = [Metric(metric_name(name), value, now, 0) for name, value in metrics.items()]
        tags = [RunTag(f"genbench.{key}", str(value)[:TAG_LENGTH]) for key, value in params.items()]

        def call() -> None:
            client = self.place.client
            client.log_batch(self.id, metrics=values, tags=[RunTag("genbench.status", status), *tags])
            for path in files:
                client.log_artifact(self.id, str(path))
            client.set_terminated(self.id, ended(status))

        self.write(call)

    def fail(self, status: str, reason: str) -> None:
        """Record that the run did not finish: ``status`` is failed, diverged, pruned or interrupted."""
        if self._pending:
            self._send()

        def call() -> None:
            client = self.place.client
            client.set_tag(self.id, "genbench.status", status)
            client.set_tag(self.id, "genbench.reason", mask_secrets(reason)[:TAG_LENGTH])
            client.set_terminated(self.id, ended(status))

        self.write(call)

    def _send(self) -> None:
        from mlflow.entities import Metric

        began = time.monotonic()
        most = max(1, METRICS_A_BATCH // len(self._pending))
        metrics = [
            Metric(name, value, at, step)
            for name, parts in self._pending.items()
            for step, value, at in thinned(parts, most)
        ]
        self._pending.clear()
        self.write(lambda: _log_metrics(self, metrics))
        now = time.monotonic()
        self._next = now + max(_SECONDS_A_SEND, (now - began) / _SHARE)


def thinned(parts: Sequence[Part], most: int) -> Iterator[tuple[int, float, int]]:
    """At most so many of a curve's points (step, value, time), evenly spaced, the last one among them."""
    total = sum(len(steps) for steps, _, _ in parts)
    stride = max(1, -(-total // most))
    passed = 0
    for steps, values, at in parts:
        first = (total - 1 - passed) % stride
        yield from zip(steps[first::stride], values[first::stride], repeat(at))
        passed += len(steps)


def metric_name(name: str) -> str:
    """``name`` with every character that MLflow refuses in metric names replaced by an underscore."""
    return re.sub(r"[^/\w.\- ]", "_", name)


def ended(status: str) -> str:
    """MLflow's word for how a run ended."""
    return {"finished": "FINISHED", "interrupted": "KILLED"}.get(status, "FAILED")


def _log_metrics(log: RunLog, metrics: Sequence[Metric]) -> None:
    for start in range(0, len(metrics), METRICS_A_BATCH):
        log.place.client.log_batch(log.id, metrics=metrics[start : start + METRICS_A_BATCH])
