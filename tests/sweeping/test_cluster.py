"""A real Ray cluster of several nodes on this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.conftest import Cli
from tests.sweeping.test_sweep import TINY

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without room for workers and two nodes with room for one each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def trials(folder: Path) -> list[Any]:
    try:
        study = optuna.load_study(study_name="far", storage=f"sqlite:///{folder}/results/optuna.db")
    except (KeyError, SQLAlchemyError):
        return []
    return study.trials


def test_a_lost_node_costs_no_trial_and_none_is_done_twice(cli: Cli, tmp_path: Path, cluster: Any) -> None:
    (tmp_path / "far.toml").write_text(TINY.format(widths="2, 3, 4", budget="150steps"))
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    command = [sys.executable, "-m", "genbench.cli", "sweep", "far.toml", "--executor", "ray", "--jobs", "2"]
    options = ["--ray-address", cluster.address, "--format", "json"]
    sweep = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 240
    while sum(trial.state.name == "RUNNING" for trial in trials(tmp_path)) < 2:
        assert sweep.poll() is None, sweep.communicate()
        assert time.monotonic() < until
        time.sleep(0.5)
    cluster.remove_node(nodes[0], allow_graceful=False)
    cluster.add_node(num_cpus=1)
    out, err = sweep.communicate(timeout=400)
    assert sweep.returncode == 0, err
    assert "queued again" in err
    done = json.loads(out)["trials"]
    assert [(trial["number"], trial["state"]) for trial in done] == [(k, "complete") for k in range(3)]
    runs = [run for trial in trials(tmp_path) for run in trial.user_attrs["genbench.runs"]]
    assert len(runs) == len(set(runs)) == 3
    finished = [run for run in json.loads(cli("ls", "runs", "--format", "json").out) if run["status"] == "finished"]
    assert len(finished) == 3


def test_without_a_cluster_there_is_one_clear_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "far.toml").write_text(TINY.format(widths="2, 3, 4", budget="3steps"))
    answer = cli("sweep", "far.toml", "--executor", "ray", "--ray-address", "127.0.0.1:1")
    assert answer.code == 2
    assert "no Ray cluster at 127.0.0.1:1" in answer.err
    assert os.environ.get("RAY_ADDRESS") is None
