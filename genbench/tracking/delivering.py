"""Bringing to the server what was kept in the results folder while the server was away."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from genbench.errors import ConfigError
from genbench.tracking.log import METRICS_A_BATCH, PARAMS_A_BATCH, ended
from genbench.tracking.places import Place
from genbench.tracking.reading import StoredRun
from genbench.tracking.store import (
    CONTINUES,
    DELIVERED,
    DELIVERED_TO,
    UNDELIVERED,
    Store,
    lost,
    os_uri,
    process_is_gone,
    status_of,
)

if TYPE_CHECKING:
    from mlflow.entities import Run

_COPIED = "genbench.copied"
"""Tag of a run on the server: its id in the standby, by which a delivery that broke off goes on."""
_OWN = frozenset(
    {UNDELIVERED, DELIVERED, DELIVERED_TO, CONTINUES, "mlflow.parentRunId", "mlflow.runName", "mlflow.user"}
)
_PAGE = 500
_LOCK = ".sync.lock"


@dataclass(frozen=True)
class Delivered:
    """What came of a delivery.

    Attributes:
        address: where to.
        runs: how many runs and groups of runs.
        running: how many still go on here.
        lost: how many were delivered earlier, are not on the server any more, and were not delivered again.
    """

    address: str
    runs: int
    running: int
    lost: int


def deliver(results: Path, said: Callable[[str], None], *, again: bool = False) -> Delivered:
    """Bring every run that stands in for one on the server there; ``said`` is told the name of each.

    A run is marked when all of it is there, so that a delivery that breaks off goes on where it stopped, and a second
    one does nothing. Runs that another process is still writing are left to a later delivery.

    Args:
        results: the results folder.
        said: told the name of each run that is delivered.
        again: deliver anew what was delivered before and the server has lost; runs deleted there stay deleted.

    Raises:
        ConfigError: no server is named by ``MLFLOW_TRACKING_URI``.
        StoreAway: it cannot be reached (any more); what is not delivered is kept.
    """
    if os_uri() is None:
        raise ConfigError("MLFLOW_TRACKING_URI is not set: set it to the server that runs are to be delivered to")
    server = Store(results, warn=lambda _: None).server()
    if not Place.file(results).exists():
        return Delivered(server.address, 0, 0, 0)
    with FileLock(results / _LOCK):  # two at once would deliver a run twice
        return _deliver_all(Place.here(results.resolve()), server, said, again)


def _deliver_all(here: Place, server: Place, said: Callable[[str], None], again: bool) -> Delivered:
    count, running = 0, 0
    delivered = {run.info.run_id: run for run in _tagged(here, DELIVERED)}
    gone = [delivered[run.id] for run in lost([StoredRun.of(run) for run in delivered.values()], server)]
    for run in [*(gone if again else []), *_tagged(here, UNDELIVERED)]:
        if run.info.status == "RUNNING" and not process_is_gone(StoredRun.of(run)):
            running += 1
            continue
        with server.clear_errors():
            there = _delivered(run, here, server)
        with here.clear_errors():
            here.client.set_tag(run.info.run_id, DELIVERED_TO, server.address)
            here.client.set_tag(run.info.run_id, DELIVERED, there)
            if UNDELIVERED in run.data.tags:
                here.client.delete_tag(run.info.run_id, UNDELIVERED)
        said(str(run.info.run_name))
        count += 1
    return Delivered(server.address, count, running, 0 if again else len(gone))


def _tagged(here: Place, tag: str) -> Iterator[Run]:
    """The runs that have a tag, oldest first: a group is older than its runs."""
    token = None
    while True:
        with here.clear_errors():
            page = here.client.search_runs(
                [here.experiment],
                f"tags.`{tag}` != ''",
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        yield from page
        token = page.token
        if not token:
            return


def _delivered(run: Run, here: Place, server: Place) -> str:
    """Copy a run to the server, and return its id there."""
    target = _continued(run, server) or _there_already(run, server)
    if target is None:
        target = server.client.create_run(
            server.experiment,
            start_time=run.info.start_time,
            run_name=run.info.run_name,
            tags={_COPIED: run.info.run_id},
        ).info.run_id
    elif server.client.get_run(target).info.status == "FINISHED":
        return str(target)
    _copy(run, str(target), here, server)
    return str(target)


def _continued(run: Run, server: Place) -> str | None:
    """The server's run that this one goes on with; None when the server has lost it, or is another one by now."""
    target = run.data.tags.get(CONTINUES)
    if target is None:
        return None
    return None if server.run(target) is None else str(target)


def _there_already(run: Run, server: Place) -> str | None:
    """The server's run that a delivery was begun to, or one of the same hash that finished there meanwhile."""
    wanted = [f"tags.`{_COPIED}` = '{run.info.run_id}'"]
    if status_of(StoredRun.of(run)) == "finished" and (key := run.data.tags.get("genbench.run")):
        wanted.append(f"tags.`genbench.run` = '{key}' and attributes.status = 'FINISHED'")
    for which in wanted:
        found = server.client.search_runs([server.experiment], which, max_results=1)
        if found:
            return str(found[0].info.run_id)
    return None


def _copy(run: Run, target: str, here: Place, server: Place) -> None:
    from mlflow.entities import Metric, Param, RunTag

    client, source = server.client, run.info.run_id
    tags = {key: value for key, value in run.data.tags.items() if key not in _OWN}
    if tags.get("genbench.kind") == "rest":
        del tags["genbench.kind"]
    if parent := run.data.tags.get("mlflow.parentRunId"):
        tags["mlflow.parentRunId"] = _id_there(parent, here)
    status = status_of(StoredRun.of(run))
    tags["genbench.status"] = status
    params = [Param(key, value) for key, value in run.data.params.items()]
    for start in range(0, len(params), PARAMS_A_BATCH):
        client.log_batch(target, params=params[start : start + PARAMS_A_BATCH])
    for start in range(0, len(tags), PARAMS_A_BATCH):
        part = list(tags.items())[start : start + PARAMS_A_BATCH]
        client.log_batch(target, tags=[RunTag(key, value) for key, value in part])
    for key in run.data.metrics:
        points = here.client.get_metric_history(source, key)
        for start in range(0, len(points), METRICS_A_BATCH):
            batch = [Metric(key, p.value, p.timestamp, p.step) for p in points[start : start + METRICS_A_BATCH]]
            client.log_batch(target, metrics=batch)
    if here.client.list_artifacts(source):
        with tempfile.TemporaryDirectory() as scratch:
            client.log_artifacts(target, here.client.download_artifacts(source, "", scratch))
    client.set_terminated(target, ended(status), run.info.end_time)


def _id_there(parent: str, here: Place) -> str:
    """The server's id of a group of runs, which may have stood in for one, too."""
    found = here.client.search_runs([here.experiment], f"attributes.run_id = '{parent}'", max_results=1)
    return str(found[0].data.tags.get(DELIVERED, parent)) if found else parent
