"""The store of runs: SQLite in the results folder, or a server for which that stands in while it is away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from genbench.errors import DataError, GenbenchError, shortened
from genbench.files import file_hash, read_json
from genbench.masking import mask_secrets
from genbench.processes import ProcessId
from genbench.records import check_record
from genbench.tracking.log import DIGEST, RESULT, TAG_LENGTH, RunLog, ended
from genbench.tracking.places import Place, StoreAway
from genbench.tracking.reading import StoredRun, Wanted

AWAY_SECONDS = 300.0
"""How long a server that could not be reached is left alone before the next run tries it again."""

PROCESS = "genbench.process"
UNDELIVERED = "genbench.undelivered"
"""Tag of a run that stands in for one on a server: that server's address, until it is delivered."""
DELIVERED = "genbench.delivered"
"""Tag of a run that was delivered: its id on the server."""
DELIVERED_TO = "genbench.delivered_to"
"""Tag of a run that was delivered: the address of that server."""
CONTINUES = "genbench.continues"
"""Tag of a run that stands in for the rest of one that the server has the beginning of: its id there."""

_ATTEMPTS = 1000
"""Attempts at one run that are looked at; more of them are never alive."""
_REASON_LENGTH = 400
_ID = re.compile("[0-9a-f]{4,32}")


@dataclass(frozen=True)
class RunSummary:
    """One line of ``genbench ls runs``; ``status`` is finished, failed, diverged, pruned, running or interrupted."""

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
    """Runs with their parameters, curves, metrics and files, in SQLite under ``results`` or wherever
    ``MLFLOW_TRACKING_URI`` points.

    When that is a server which cannot be reached, now or later, runs go to SQLite under ``results`` (the standby),
    marked for `genbench.tracking.deliver`; nothing waits for the server meanwhile.

    Args:
        results: the results folder.
        warn: told, in one line, when the standby takes over.

    Raises:
        GenbenchError: from every method, when the store cannot be used, naming it (without passwords).
    """

    def __init__(self, results: Path, warn: Callable[[str], None] | None = None) -> None:
        self._results = results.resolve()
        self._warn = warn or _say
        self._standby: Place | None = None
        self._tried = -AWAY_SECONDS
        configured = os_uri()
        self._main: Place | None = None
        if configured is None:
            self._main = Place.here(self._results)
        else:
            self._uri = configured
            self._reachable()

    @staticmethod
    def exists(results: Path) -> bool:
        """Whether there is a store to look into, so that looking makes none."""
        return os_uri() is not None or os.path.lexists(Place.file(results))

    @property
    def address(self) -> str:
        """Where new runs go, without a password."""
        return (self._main or self._standing_by()).address

    def find(self, run_hash: str) -> str | None:
        """The id of a finished run with this run hash, or None."""
        wanted = Wanted({"genbench.run": run_hash}, status="FINISHED")
        for place in self._places():
            if found := place.runs(wanted, 1):
                return found[0].id
        return None

    def record(self, run_id: str) -> dict[str, Any]:
        """A finished run's full record (``result.json``).

        Raises:
            DataError: when the run did not finish, or its record is damaged.
        """
        place, run_id = self._holding(run_id)
        run = place.run(run_id)
        if run is None:
            raise DataError(f"no run {run_id[:8]} in {place.address}: `genbench ls runs` lists them")
        status = status_of(run)
        if status != "finished":
            raise DataError(f"run {run_id[:8]} is {status}, so it has no record: run it again to finish it")
        with place.file_of(run, RESULT) as path:
            where = f"run {run_id[:8]}: {RESULT}"
            if not path.is_file():
                raise DataError(
                    f"{where} is gone from {path.parent}: put it back, or delete the run in `genbench ui` and run again"
                )
            try:
                record = check_record(read_json(path), where)
            except DataError as error:
                raise DataError(str(error).replace(str(path), where)) from None
            if run.tags.get(DIGEST, digest := file_hash(path)) != digest:
                raise DataError(f"{where} was changed since it was written: delete the run in `genbench ui`, run again")
            return record

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
        found = self._search(Wanted(begins=name)) if _ID.fullmatch(name) else []
        if len(found) > 1:
            raise DataError(f"run {name!r} is ambiguous: it begins {len(found)} ids; give more digits")
        found = found or self._search(Wanted(name=name), limit=1)
        if not found:
            raise DataError(f"no run {name!r} in {self.address}: `genbench ls runs` lists them")
        return found[0].id

    def runs(self, limit: int = 1000) -> list[RunSummary]:
        """The latest runs, newest first."""
        return [_summary(run) for run in self._search(Wanted(), limit)]

    def begin(
        self, *, name: str, tags: Mapping[str, str], params: Mapping[str, Any], parent: str | None = None
    ) -> RunLog:
        """Start a run, or a group of runs; ``parent`` is the id of the group that it belongs to.

        Earlier attempts at the same whose process is gone are marked as interrupted.
        """
        commit = git_commit()
        all_tags = {
            **tags,
            **({"mlflow.source.git.commit": commit} if commit else {}),
            **({"mlflow.parentRunId": parent} if parent else {}),
            "mlflow.source.name": "genbench",
            PROCESS: json.dumps(asdict(ProcessId())),
        }
        all_tags = {key: value[:TAG_LENGTH] for key, value in all_tags.items()}
        place = self._reachable()
        if place is not None and place.remote:
            try:
                log = self._begun(place, name, all_tags, params)
            except StoreAway as error:
                self._leave(error)
                place = None
        elif place is not None:
            log = self._begun(place, name, all_tags, params)
        if place is None:
            log = self._begun(self._standing_by(), name, all_tags | {UNDELIVERED: self._away_address()}, params)
        log.log_params()
        return log

    def group(self, run_id: str) -> RunLog:
        """A group of runs that was begun earlier, to go on with."""
        try:
            place, run_id = self._holding(run_id)
        except StoreAway as error:  # what is left to say of it is said when it is delivered
            standby = self._standing_by()
            tags = {UNDELIVERED: self._away_address(), CONTINUES: run_id, "genbench.kind": "rest"}
            self._leave(error)
            return self._begun(standby, "rest", tags, {})
        log = RunLog(self, place, run_id, "rest", {"genbench.kind": "rest"}, {})
        log.write(lambda: log.place.client.update_run(log.id, status="RUNNING"))
        return log

    def stand_in(self, log: RunLog, error: Exception) -> None:
        """From now on, what a run has to say goes to the standby, as the rest of the run that the server knows."""
        self._leave(error)
        tags = {**log.tags, UNDELIVERED: log.place.address, CONTINUES: log.id}
        rest = self._begun(self._standing_by(), log.name, tags, log.params)
        log.place, log.id = rest.place, rest.id

    def server(self) -> Place:
        """The server that ``MLFLOW_TRACKING_URI`` names. Raises `StoreAway` when it cannot be reached."""
        self._tried = -AWAY_SECONDS
        place = self._reachable()
        if place is None:
            raise StoreAway(f"MLflow store {self._away_address()} cannot be reached: nothing is lost, try again later")
        return place

    def ui_path(self) -> str:
        """Where in the MLflow UI the runs are: what follows the server's address."""
        return f"/#/experiments/{self.server().experiment}/runs?workflowType=machine_learning"

    def ui_command(self, host: str, port: int) -> tuple[list[str], dict[str, str]]:
        """The command that opens the MLflow UI on this store, and the environment variables that it needs.

        The store's address is among these, because everybody on the machine can read a command line.
        """
        return ["mlflow", "ui", "--host", host, "--port", str(port)], {"MLFLOW_BACKEND_STORE_URI": self.server().uri}

    def _begun(self, place: Place, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> RunLog:
        with place.clear_errors():
            _end_the_dead(place, tags)
            run = place.client.create_run(place.experiment, run_name=name, tags=dict(tags))
        return RunLog(self, place, run.info.run_id, name, tags, params)

    def _reachable(self) -> Place | None:
        """The store that is meant; None while it is a server that cannot be reached."""
        if self._main is None and time.monotonic() - self._tried >= AWAY_SECONDS:
            self._tried = time.monotonic()
            try:
                self._main = Place(self._uri, self._results, local=False)
            except StoreAway as error:
                self._leave(error)
        return self._main

    def _leave(self, error: Exception) -> None:
        """Turn to the standby, and say so, once for each time that the server is away."""
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        reason = reason if isinstance(error, StoreAway) else f"MLflow store {self._away_address()}: {reason}"
        if self._main is not None or self._standby is None:
            reason = shortened(reason, _REASON_LENGTH)
            self._warn(f"{reason}; runs are kept in {self._results} until `genbench sync` delivers them")
        self._main, self._tried = None, time.monotonic()

    def _away_address(self) -> str:
        return mask_secrets(self._uri)

    def _standing_by(self) -> Place:
        if self._standby is None:
            self._standby = Place.here(self._results)
        return self._standby

    def _places(self) -> list[Place]:
        """Where runs are looked for: the store, and the standby when there is one."""
        main = self._reachable()
        if main is not None and (main.local or not Place.file(self._results).exists()):
            return [main]
        return [place for place in (main, self._standing_by()) if place is not None]

    def _holding(self, run_id: str) -> tuple[Place, str]:
        """Where a run is, and its id there: a delivered one has another id on the server.

        Raises:
            StoreAway: on the server, which cannot be reached.
        """
        main = self._reachable()
        if main is not None and main.local:
            return main, run_id
        kept = self._standing_by().run(run_id) if Place.file(self._results).exists() else None
        if kept is None:
            return self.server() if main is None else main, run_id
        delivered = kept.tags.get(DELIVERED)
        if main is not None and delivered and main.run(delivered) is not None:
            return main, delivered
        return self._standing_by(), run_id

    def _search(self, wanted: Wanted, limit: int = 1000) -> list[StoredRun]:
        """Runs that satisfy a condition, newest first."""
        wanted = replace(wanted, tags={**wanted.tags, "genbench.kind": "run"})
        found: list[StoredRun] = []
        places = self._places()
        for place in places:
            if place is self._standby and len(places) > 1:
                found += self._kept_here(places[0], wanted, limit)
            else:
                found += place.runs(wanted, limit)
        return sorted(found, key=lambda run: -run.started)[:limit] if len(places) > 1 else found

    def _kept_here(self, server: Place, wanted: Wanted, limit: int) -> list[StoredRun]:
        """Runs of the standby that the server has not got: those to be delivered, and those that it has lost since."""
        standby = self._standing_by()
        waiting = standby.runs(replace(wanted, tags={**wanted.tags, UNDELIVERED: None}), limit)
        gone = lost(standby.runs(replace(wanted, tags={**wanted.tags, DELIVERED: None}), limit), server)
        if gone:
            runs = "1 run that was" if len(gone) == 1 else f"{len(gone)} runs that were"
            self._warn(
                f"{runs} delivered to {server.address} {'is' if len(gone) == 1 else 'are'} not there any more, and "
                f"listed from {Place.file(self._results)}: `genbench sync --again` delivers anew"
            )
        return waiting + gone


def lost(delivered: Sequence[StoredRun], server: Place) -> list[StoredRun]:
    """Those of the runs that were delivered to this server which it does not know any more, not even as deleted."""
    mine = [run for run in delivered if run.tags.get(DELIVERED_TO, server.address) == server.address]
    there = server.known({run.tags[DELIVERED] for run in mine}) if mine else frozenset()
    return [run for run in mine if run.tags[DELIVERED] not in there]


def os_uri() -> str | None:
    """``MLFLOW_TRACKING_URI``, unless it is empty."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def git_commit() -> str | None:
    """The commit of the checkout that the code runs from, with ``-dirty`` if it has changes; None outside one."""
    here = Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        dirty = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}-dirty" if dirty else head


def status_of(run: StoredRun) -> str:
    """Finished, failed, diverged, pruned, running or interrupted."""
    status = run.tags.get("genbench.status", "running" if run.status == "RUNNING" else run.status.lower())
    return "interrupted" if status == "running" and process_is_gone(run) else status


def process_is_gone(run: StoredRun) -> bool:
    """Whether the process that wrote a run is known to be gone."""
    try:
        return ProcessId(**json.loads(run.tags[PROCESS])).known_dead
    except (KeyError, TypeError, ValueError):
        return False


def _end_the_dead(place: Place, tags: Mapping[str, str]) -> None:
    """Mark earlier attempts at the same run as interrupted when their process is gone."""
    key = next((key for key in ("genbench.run", "genbench.trial") if key in tags), None)
    if key is None:
        return
    for run in place.runs(Wanted({key: tags[key]}, status="RUNNING"), _ATTEMPTS):
        if process_is_gone(run):
            place.client.set_tag(run.id, "genbench.status", "interrupted")
            place.client.set_tag(run.id, "genbench.reason", "its process was killed")
            place.client.set_terminated(run.id, ended("interrupted"))


def _say(text: str) -> None:
    print(f"genbench: warning: {text}", file=sys.stderr)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]  # the user's own git, wherever it is
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _summary(run: StoredRun) -> RunSummary:
    return RunSummary(
        id=run.id,
        name=run.name,
        family=run.tags.get("genbench.family", ""),
        dataset=run.tags.get("genbench.dataset", ""),
        preset=run.tags.get("genbench.preset", ""),
        status=status_of(run),
        started=run.started / 1000,
        metrics={k: v for k, v in run.metrics.items() if not k.startswith("train/")},
        reason=run.tags.get("genbench.reason", ""),
    )
