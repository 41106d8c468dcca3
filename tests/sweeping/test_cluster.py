"""A real Ray cluster of several nodes on this machine."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.conftest import Cli

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

SWEEP = """
family = "cgan"
preset = "smoke"
budget = "{budget}"
objectives = ["accuracy"]
[evaluation]
pictures = 20
metrics = ["accuracy"]
[space]
"train.width" = [2, 3, 4]
"""


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
    except (KeyError, Exception):
        return []
    return study.trials


def test_a_lost_node_costs_no_trial_and_none_is_done_twice(
    cli: Cli, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    (tmp_path / "far.toml").write_text(SWEEP.format(budget="150steps"))
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    lost: list[int] = []

    def lose_a_node() -> None:
        until = time.monotonic() + 180
        while time.monotonic() < until and not lost:
            time.sleep(0.5)
            if any(trial.state.name == "RUNNING" for trial in trials(tmp_path)):
                cluster.remove_node(nodes[0], allow_graceful=False)
                lost.append(1)
                cluster.add_node(num_cpus=1)

    saboteur = threading.Thread(target=lose_a_node)
    saboteur.start()
    answer = cli(
        "sweep", "far.toml", "--executor", "ray", "--ray-address", cluster.address, "--jobs", "2", "--format", "json"
    )
    saboteur.join()
    assert answer.code == 0, answer.err
    assert lost
    done = json.loads(answer.out)["trials"]
    assert [(trial["number"], trial["state"]) for trial in done] == [(k, "complete") for k in range(3)]
    runs = [run for trial in trials(tmp_path) for run in trial.user_attrs["genbench.runs"]]
    assert len(runs) == len(set(runs)) == 3
    finished = [run for run in json.loads(cli("ls", "runs", "--format", "json").out) if run["status"] == "finished"]
    assert {run["id"] for run in finished} == set(runs)


def test_without_a_cluster_there_is_one_clear_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "far.toml").write_text(SWEEP.format(budget="3steps"))
    answer = cli("sweep", "far.toml", "--executor", "ray", "--ray-address", "127.0.0.1:1")
    assert answer.code == 2
    assert "no Ray cluster at 127.0.0.1:1" in answer.err
    assert os.environ.get("RAY_ADDRESS") is None
