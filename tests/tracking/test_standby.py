"""A server that is away: nothing is lost, nothing waits, and `deliver` brings it all there, once."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from genbench.errors import ConfigError, DataError
from genbench.tracking import RunLog, Store, deliver, places
from genbench.tracking.log import thinned
from genbench.tracking.places import StoreAway
from tests.conftest import Cli

RECORD = {
    **{"schema": 1, "label": "a", "task": "generation", "family": "ddpm", "preset": "smoke", "dataset": "digits"},
    **{"resolution": 16, "repetition": 0, "budget": "30steps", "spec": {}, "stages": {}},
    "metrics": {"fid": {"value": 3.0, "identity": {"metric": "fid"}, "ceiling": None}},
}


class Server:
    """Stands for a server: a SQLite store that can be switched off, at once or in so many requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"sqlite:///{folder}/server.db"
        self.requests_left: float = float("inf")

    def off(self, after: int = 0) -> None:
        self.requests_left = after

    def on(self) -> None:
        self.requests_left = float("inf")

    def asked(self) -> None:
        self.requests_left -= 1
        if self.requests_left < 0:
            raise MlflowException("API request failed: connection refused")

    @property
    def runs(self) -> list[Any]:
        self.on()
        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name("genbench")
        return [] if experiment is None else list(client.search_runs([experiment.experiment_id]))

    def curve(self, run_id: str, name: str) -> list[float]:
        return [point.value for point in MlflowClient(self.uri).get_metric_history(run_id, name)]


@pytest.fixture
def server(tmp_path: Path, empty_store: bytes, quick_store: None, monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(tmp_path)
    (tmp_path / "server.db").write_bytes(empty_store)
    (tmp_path / "results").mkdir()

    class Client(MlflowClient):
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if not callable(value) or super().__getattribute__("tracking_uri") != server.uri or name.startswith("_"):
                return value

            def call(*arguments: Any, **options: Any) -> Any:
                server.asked()
                return value(*arguments, **options)

            return call

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mlflow, "MlflowClient", Client)
    monkeypatch.setattr(places, "urlsplit", lambda uri: _pretended(uri, server))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    return server


def _pretended(uri: str, server: Server) -> Any:
    from urllib.parse import urlsplit

    return urlsplit(uri.replace("sqlite", "http", 1) if uri == server.uri else uri)


@pytest.fixture
def said() -> list[str]:
    return []


def begin(store: Store, name: str = "a", parent: str | None = None) -> RunLog:
    tags = {"genbench.kind": "run", "genbench.run": f"hash-{name}", "genbench.status": "running"}
    return store.begin(name=name, tags=tags, params={"lr": 0.1}, parent=parent)


def train(log: RunLog, start: int, count: int = 3) -> None:
    log.scalars("loss", range(start, start + count), [float(step) for step in range(start, start + count)])
    log.stage_finished("train", reused=False)


def finish(log: RunLog, scratch: Path) -> None:
    (scratch / "weights").write_text("weights")
    log.finish(RECORD, scratch, [("checkpoint", scratch / "weights")])


def check(server: Server, name: str = "a") -> None:
    """The server has the run once, and whole."""
    (run,) = [run for run in server.runs if run.info.run_name == name]
    assert run.info.status == "FINISHED"
    assert run.data.tags["genbench.status"] == "finished"
    assert run.data.tags["genbench.kind"] == "run"
    assert run.data.params == {"lr": "0.1"}
    assert run.data.metrics["fid"] == 3.0
    assert server.curve(run.info.run_id, "train/loss") == [0, 1, 2, 3, 4, 5]
    paths = [entry.path for entry in MlflowClient(server.uri).list_artifacts(run.info.run_id)]
    assert paths == ["checkpoint", "result.json"]
    assert not any("undelivered" in key or "continues" in key for key in run.data.tags)


def test_a_server_that_is_there_gets_everything_at_once(server: Server, said: list[str], tmp_path: Path) -> None:
    log = begin(Store(Path("results"), said.append))
    train(log, 0)
    train(log, 3)
    finish(log, tmp_path)
    check(server)
    assert not said
    assert not Path("results/mlflow.db").exists()


@pytest.mark.parametrize("away", ["at the start", "in mid-run", "at the end", "in the middle of finishing"])
def test_what_a_server_missed_is_kept_found_and_delivered_once(
    server: Server, said: list[str], tmp_path: Path, away: str
) -> None:
    if away == "at the start":
        server.off()
    store = Store(Path("results"), said.append)
    log = begin(store)
    train(log, 0)
    if away == "in mid-run":
        server.off()
    train(log, 3)
    if away != "at the start":
        server.off(after=3 if "finishing" in away else 0)
    finish(log, tmp_path)
    (warning,) = said
    assert "connection refused" in warning
    assert "genbench sync" in warning
    found = store.find("hash-a")
    assert found is not None
    assert store.record(found) == RECORD
    assert [run.status for run in store.runs()] == ["finished"]

    with pytest.raises(StoreAway, match=r"connection refused|cannot be reached"):
        deliver(Path("results"), said.append)
    server.on()
    assert deliver(Path("results"), said.append).runs == 1
    check(server)
    assert deliver(Path("results"), said.append).runs == 0
    assert len(server.runs) == 1
    again = Store(Path("results"))
    assert again.record(found) == RECORD  # by the id that it had meanwhile
    assert len(again.runs()) == 1


def test_a_delivery_that_breaks_off_anywhere_goes_on(server: Server, said: list[str], tmp_path: Path) -> None:
    server.off()
    log = begin(Store(Path("results"), said.append))
    train(log, 0)
    train(log, 3)
    finish(log, tmp_path)
    requests, breaks = 2, 0
    while True:
        server.off(after=requests)
        try:
            assert deliver(Path("results"), said.append).runs == 1
            break
        except StoreAway:
            requests, breaks = requests + 1, breaks + 1
    assert breaks > 5
    check(server)
    assert len(server.runs) == 1


def test_a_server_that_has_lost_the_run_gets_it_anew(
    server: Server, said: list[str], tmp_path: Path, empty_store: bytes
) -> None:
    log = begin(Store(Path("results"), said.append))
    train(log, 0)
    server.off()
    train(log, 3)
    finish(log, tmp_path)
    (tmp_path / "server.db").write_bytes(empty_store)  # another server at the same address
    server.on()
    assert deliver(Path("results"), said.append).runs == 1
    (run,) = server.runs
    assert run.data.tags["genbench.status"] == "finished"
    assert server.curve(run.info.run_id, "train/loss") == [3, 4, 5]  # what the lost one had is lost with it


def test_what_was_delivered_to_a_server_that_is_lost_is_listed_and_delivered_again(
    server: Server, said: list[str], tmp_path: Path, empty_store: bytes
) -> None:
    server.off()
    log = begin(Store(Path("results"), said.append))
    train(log, 0)
    train(log, 3)
    finish(log, tmp_path)
    server.on()
    assert deliver(Path("results"), said.append).lost == 0
    said.clear()
    kept = log.id
    assert len(Store(Path("results"), said.append).runs()) == 1
    assert said == []

    (tmp_path / "server.db").write_bytes(empty_store)  # another server at the same address
    store = Store(Path("results"), said.append)
    (run,) = store.runs()
    assert (run.id, run.status) == (kept, "finished")
    (warning,) = said
    assert "1 run that was delivered" in warning
    assert "genbench sync --again" in warning
    found = store.find("hash-a")
    assert found is not None
    assert store.record(found) == RECORD

    assert deliver(Path("results"), said.append).lost == 1
    assert server.runs == []
    assert deliver(Path("results"), said.append, again=True).runs == 1
    check(server)
    assert deliver(Path("results"), said.append, again=True).runs == 0
    said.clear()
    assert len(Store(Path("results"), said.append).runs()) == 1
    assert said == []


def test_what_was_deleted_on_the_server_stays_deleted(server: Server, said: list[str], tmp_path: Path) -> None:
    server.off()
    finish(begin(Store(Path("results"), said.append)), tmp_path)
    server.on()
    deliver(Path("results"), said.append)
    (run,) = server.runs
    MlflowClient(server.uri).delete_run(run.info.run_id)
    assert Store(Path("results")).runs() == []
    assert deliver(Path("results"), said.append, again=True).runs == 0


def test_a_group_and_its_runs_are_delivered_together(server: Server, said: list[str], tmp_path: Path) -> None:
    store = Store(Path("results"), said.append)
    first = begin(store, "group, first half there")
    server.off()
    second = begin(store, "group, kept here")
    for parent in (first, second):
        child = begin(store, f"of {parent.name}", parent.id)
        finish(child, tmp_path)
        store.group(parent.id).close({}, {"best": "x"})
    server.on()
    deliver(Path("results"), said.append)
    runs = {run.info.run_name: run for run in server.runs}
    assert len(runs) == len(server.runs) == 4
    for parent in (first, second):
        child = runs[f"of {parent.name}"]
        assert child.data.tags["mlflow.parentRunId"] == runs[parent.name].info.run_id
        assert runs[parent.name].info.status == "FINISHED"
        assert runs[parent.name].data.tags["genbench.best"] == "x"


def test_one_warning_and_one_attempt_while_the_server_is_away(
    server: Server, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.off()
    store = Store(Path("results"), said.append)
    asked = server.requests_left
    for name in "abc":
        begin(store, name)
    assert server.requests_left == asked
    assert len(said) == 1
    server.on()
    monkeypatch.setattr("genbench.tracking.store.AWAY_SECONDS", 0.0)
    begin(store, "d")
    assert [run.info.run_name for run in server.runs] == ["d"]


def test_a_long_reason_keeps_its_cause_and_whole_words(server: Server, said: list[str], monkeypatch: Any) -> None:
    words = [f"word{number:03}" for number in range(200)]

    def refused() -> None:
        raise MlflowException(f"API request failed: {' '.join(words)} Connection refused")

    monkeypatch.setattr(server, "asked", refused)
    Store(Path("results"), said.append)
    (warning,) = said
    reason, _, advice = warning.partition("; runs are kept")
    assert "genbench sync" in advice
    assert reason.endswith("Connection refused")
    assert len(reason) < 420
    known = {*words, "…", "API", "request", "failed:", "Connection", "refused"}
    assert set(reason.split()[reason.split().index("API") :]) <= known


def test_what_is_still_written_is_left_to_a_later_delivery(server: Server, said: list[str]) -> None:
    server.off()
    begin(Store(Path("results"), said.append))
    server.on()
    delivered = deliver(Path("results"), said.append)
    assert (delivered.runs, delivered.running) == (0, 1)
    assert server.runs == []


def test_a_server_that_refuses_is_no_server_that_is_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

    def refuse() -> None:
        raise MlflowException("who are you?", PERMISSION_DENIED)

    monkeypatch.setattr(server, "asked", refuse)
    with pytest.raises(Exception, match="who are you") as caught:
        Store(Path("results"))
    assert not isinstance(caught.value, StoreAway)


def test_sync_needs_to_know_the_server(cli: Cli) -> None:
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI is not set"):
        deliver(Path("results"), print)
    answer = cli("sync")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1


def test_a_run_whose_process_was_killed_is_interrupted_and_so_it_is_called(tmp_path: Path, quick_store: None) -> None:
    import os

    child = os.fork()
    if child == 0:
        begin(Store(tmp_path))
        os._exit(0)
    os.waitpid(child, 0)
    store = Store(tmp_path)
    (run,) = store.runs()
    assert run.status == "interrupted"
    with pytest.raises(DataError, match="is interrupted"):
        store.record(run.id)
    begin(store)
    assert sorted(run.status for run in store.runs()) == ["interrupted", "running"]
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert client.get_run(run.id).info.status == "KILLED"


@pytest.mark.parametrize(("count", "most"), [(0, 5), (1, 5), (5, 5), (6, 5), (1000, 7), (11, 1)])
def test_thinned_curves_are_even_and_keep_the_last_point(count: int, most: int) -> None:
    parts = [(range(start, min(count, start + 4)),) * 2 + (start,) for start in range(0, count, 4)]
    points = list(thinned(parts, most))
    kept = [step for step, _, _ in points]
    assert len(kept) <= most
    assert kept[-1:] == list(range(count))[-1:]
    assert len({b - a for a, b in itertools.pairwise(kept)}) <= 1
    assert count > most or kept == list(range(count))
    assert all((value, at) == (step, step // 4 * 4) for step, value, at in points)


def test_a_fast_training_sends_few_points_and_a_slow_one_all(tmp_path: Path, quick_store: None) -> None:
    log = begin(Store(tmp_path))
    for name in ("fast", "slow"):
        steps = range(5000) if name == "fast" else range(40)
        log.scalars(name, steps, [float(step) for step in steps])
    log.stage_progress("train", 0.5)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert len(client.get_metric_history(log.id, "train/slow")) == 40
    fast = [point.step for point in client.get_metric_history(log.id, "train/fast")]
    assert len(fast) == 500
    assert max(fast) == 4999
    log.scalars("slow", [40], [40.0])
    log.stage_progress("train", 0.5)  # too soon after the last time
    assert len(client.get_metric_history(log.id, "train/slow")) == 40
    log.stage_finished("train", reused=False)
    assert len(client.get_metric_history(log.id, "train/slow")) == 41


def test_runs_are_found_by_the_beginning_of_an_id_and_by_name(quick_store: None, tmp_path: Path) -> None:
    store = Store(tmp_path)
    logs = [begin(store, name) for name in ("a", "it's", 'say "a"', "a")]
    for log in logs:
        assert store.resolve(log.id) == store.resolve(log.id[:12]) == log.id
    assert store.resolve("it's") == logs[1].id
    assert store.resolve('say "a"') == logs[2].id
    assert store.resolve("a") in (logs[0].id, logs[3].id)
    for name in ("b", "ffff%", 'it\'s "b"', "0000' or '1' = '1"):
        with pytest.raises(DataError, match="no run"):
            store.resolve(name)


def test_a_results_folder_that_is_moved_takes_its_runs_along(quick_store: None, tmp_path: Path) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    store = Store(before)
    finish(begin(store, "a"), tmp_path)
    found = store.find("hash-a")
    assert found is not None
    before.rename(now)
    moved = Store(now)
    assert moved.record(found) == RECORD
    finish(begin(moved, "b"), tmp_path)
    assert len(list((now / "artifacts").iterdir())) == 2
    assert not before.exists()
