"""PostgreSQL restarted in the middle of a sweep: everybody waits, and no trial is lost or done twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy.exc import IntegrityError, OperationalError, PendingRollbackError

from genbench.errors import GenbenchError
from genbench.sweeping import patience
from genbench.sweeping.studies import SweepStudy
from tests.sweeping.test_studies import grid_of, run_all

pgserver = pytest.importorskip("pgserver")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server
    server.cleanup()


def stop(server, mode: str = "immediate") -> None:
    pgserver.pg_ctl(["stop", "-w", "-m", mode], pgdata=server.pgdata, user=server.system_user)


def restarted(server, seconds: float) -> None:
    """Stop it as a crash would, and start it again a little later."""
    stop(server)
    time.sleep(seconds)
    server.ensure_postgres_running()


def test_a_restart_in_mid_sweep_costs_time_and_nothing_else(server, capfd: pytest.CaptureFixture[str]) -> None:
    spec, url = grid_of(100), server.get_uri().replace("postgresql:", "postgresql+psycopg:")
    study = SweepStudy(spec, url, "restarted")
    workers = [
        threading.Thread(target=run_all, args=(spec.model_copy(update={"name": "restarted"}), url, str(k)))
        for k in range(2)
    ]
    for worker in workers:
        worker.start()
    while study.ended() < 8:
        time.sleep(0.05)
    restarted(server, 2.0)
    for worker in workers:
        worker.join(120)
    assert "waiting for it" in capfd.readouterr().err
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(complete) > 97  # of each worker, one trial may wait for another to find it
    assert len({trial.params["train.width"] for trial in complete}) == len(complete)
    lost = {trial.state for trial in study.trials} - {TrialState.COMPLETE}
    assert lost <= {TrialState.RUNNING, TrialState.WAITING}


@pytest.mark.parametrize(
    ("cause", "away"),
    [
        (OperationalError("SELECT", {}, OSError("server closed the connection")), True),
        (PendingRollbackError("Can't reconnect until invalid transaction is rolled back."), True),
        (IntegrityError("INSERT", {}, OSError("twice")), False),
    ],
)
def test_a_broken_connection_is_known_however_optuna_wraps_it(cause: Exception, away: bool) -> None:
    error = StorageInternalError("An exception is raised during the commit.")
    error.__cause__ = cause
    assert patience._is_away(error) == away


def test_patience_has_an_end_in_one_line(server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = server.get_uri().replace("postgresql:", "postgresql+psycopg:")
    study = SweepStudy(grid_of(3), url, "given-up")
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 1.5)
    stop(server, "fast")
    try:
        with pytest.raises(GenbenchError, match="Optuna storage") as caught:
            study.ended()
    finally:
        server.ensure_postgres_running()
    assert "\n" not in str(caught.value)
