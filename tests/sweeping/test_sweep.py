"""Sweeps from the command line to the table: what users see, break off and go on with."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from tests.conftest import Cli

TINY = """
family = "cgan"
preset = "smoke"
budget = "{budget}"
objectives = ["accuracy"]
[evaluation]
pictures = 20
metrics = ["accuracy"]
[space]
"train.width" = [{widths}]
"""


def sweep_file(folder: Path, *, budget: str = "3steps", widths: str = "2, 4", more: str = "") -> Path:
    path = folder / "tiny.toml"
    path.write_text(more + TINY.format(budget=budget, widths=widths))
    return path


def study(folder: Path, name: str = "tiny") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/results/optuna.db")


def test_a_sweep_prints_its_table_and_the_same_command_runs_nothing(cli: Cli, tmp_path: Path) -> None:
    path = sweep_file(tmp_path, more="seeds = 2\n")
    first = cli("sweep", path)
    assert first.code == 0, first.err
    assert "width=2" in first.out
    assert "width=4" in first.out
    assert "2 of 2 trials complete" in first.out
    files = {file.name for file in (tmp_path / "results" / "tiny").iterdir()}
    assert {"table.csv", "table.tex", "swept.png", "costs.png", "parallel.png", "trials.csv"} <= files
    runs = json.loads(cli("ls", "runs", "--format", "json").out)
    assert len(runs) == 4
    second = cli("sweep", path, "--format", "json")
    answer = json.loads(second.out)
    assert [trial["params"] for trial in answer["trials"]] == [{"train.width": 2}, {"train.width": 4}]
    assert json.loads(cli("ls", "runs", "--format", "json").out) == runs
    more = cli("sweep", path, "--seeds", "3", "--format", "json")
    assert more.code == 0
    assert json.loads(more.out)["sweep"] == "tiny-3seeds"
    assert len(json.loads(cli("ls", "runs", "--format", "json").out)) == 6


def test_optuna_and_mlflow_show_the_sweep_as_their_users_expect(cli: Cli, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    assert cli("sweep", sweep_file(tmp_path)).code == 0
    done = study(tmp_path)
    assert done.metric_names == ["accuracy"]
    assert done.directions == [optuna.study.StudyDirection.MAXIMIZE]
    client = MlflowClient(f"sqlite:///{tmp_path}/results/mlflow.db")
    by_kind: dict[str, list] = {"sweep": [], "trial": [], "run": []}
    for run in client.search_runs([client.get_experiment_by_name("genbench").experiment_id]):
        by_kind[run.data.tags["genbench.kind"]].append(run)
    (parent,), trials, runs = by_kind["sweep"], by_kind["trial"], by_kind["run"]
    assert {t.data.tags["mlflow.parentRunId"] for t in trials} == {parent.info.run_id}
    assert {r.data.tags["mlflow.parentRunId"] for r in runs} == {t.info.run_id for t in trials}
    assert {r.info.run_id for r in runs} == {run for t in done.trials for run in t.user_attrs["genbench.runs"]}
    best = max(done.trials, key=lambda trial: trial.value)
    assert parent.data.metrics["best/accuracy"] == best.value
    assert parent.info.status == "FINISHED"
    artifacts = {entry.path for entry in client.list_artifacts(parent.info.run_id)}
    assert {"history.png", "parallel.png", "swept.png", "table.csv"} <= artifacts
    for trial, mean in ((t, t.data.metrics["accuracy"]) for t in trials):
        assert mean in [t.value for t in done.trials], trial.info.run_name


def test_a_dry_run_lists_and_runs_nothing(cli: Cli, tmp_path: Path) -> None:
    answer = cli("sweep", sweep_file(tmp_path, budget="500steps"), "--dry-run", "--format", "json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert [line["configuration"] for line in told["configurations"]] == ["width=2", "width=4"]
    assert told["seconds"] > 0
    assert all(line["trainings"] == 1 for line in told["configurations"])
    assert json.loads(cli("ls", "runs", "--format", "json").out) == []


def test_a_failing_configuration_is_counted_and_the_others_go_on(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(budget="30steps", widths="4") + '"train.learning_rate_g" = [1e-4, 1e30]\n')
    answer = cli("sweep", path)
    assert answer.code == 1
    assert "1 of 2 trials failed" in answer.err
    assert "Traceback" not in answer.err
    assert "learning_rate_g=1e+30" in answer.out
    states = [trial.state.name for trial in study(tmp_path).trials]
    assert states == ["COMPLETE", "FAIL"]
    assert "genbench.reason" in study(tmp_path).trials[1].user_attrs


def test_a_setting_that_the_family_does_not_know_stops_the_sweep_before_anything_runs(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(budget="3steps", widths="4").replace("train.width", "train.widht"))
    answer = cli("sweep", path)
    assert answer.code == 2
    assert "tiny.toml:10: " in answer.err
    assert "widht=4" in answer.err
    assert "did you mean 'width'" in answer.err
    assert not (tmp_path / "results" / "optuna.db").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--storage", "sqlite:///:memory:"), "in memory"),
        (("--storage", ""), "--storage is empty"),
        (("--ray-address", "x:1"), "--ray-address is for --executor ray"),
        (("--storage", "nonsense"), "Optuna storage 'nonsense' cannot be opened"),
        (("--preset", "smoek"), "did you mean 'smoke'"),
        (("--budget", "lots"), "budget 'lots' is not understood"),
        (("--dataset", "digist"), "did you mean 'digits'"),
    ],
)
def test_bad_options_are_one_line(cli: Cli, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    answer = cli("sweep", sweep_file(tmp_path), *options)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") <= 1


def test_a_pruner_gives_up_what_falls_behind(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "pruned.toml"
    path.write_text(
        """
family = "ddpm"
preset = "smoke"
budget = "40steps"
objectives = ["validation"]
pruner = { name = "median", watch = "validation", startup_trials = 2, warmup = 1 }
[evaluation]
pictures = 10
metrics = ["accuracy"]
[space]
"train.learning_rate" = [3e-3, 2e-3, 1e-9]
"""
    )
    answer = cli("sweep", path)
    assert answer.code == 0, answer.err
    states = [trial.state.name for trial in study(tmp_path, "pruned").trials]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert "1 pruned" in answer.out
    reported = study(tmp_path, "pruned").trials[0].intermediate_values
    assert sorted(reported) == list(range(1, 11))
    assert min(reported.values()) == study(tmp_path, "pruned").trials[0].value


def start(folder: Path, home: Path, *options: str) -> subprocess.Popen:
    environment = {**os.environ, "GENBENCH_HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "genbench.cli", "sweep", "tiny.toml", *options]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(condition, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.1)


def running(folder: Path) -> int:
    """How many trials are running, without disturbing their writers."""
    try:
        with sqlite3.connect(f"file:{folder}/results/optuna.db?mode=ro", uri=True, timeout=30) as database:
            return int(database.execute("select count(*) from trials where state = 'RUNNING'").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_everything_and_the_same_command_ends_the_sweep(
    cli: Cli, tmp_path: Path, shared_home: Path, jobs: str
) -> None:
    sweep_file(tmp_path, budget="400steps")
    process = start(tmp_path, shared_home, "--jobs", jobs)
    wait_for(lambda: running(tmp_path) == int(jobs))
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert {trial.state.name for trial in study(tmp_path).trials} == {"WAITING"}
    again = cli("sweep", "tiny.toml", "--format", "json")
    assert again.code == 0, again.err
    assert [trial["state"] for trial in json.loads(again.out)["trials"]] == ["complete", "complete"]


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_killed_process_loses_no_trial(cli: Cli, tmp_path: Path, shared_home: Path, victim: str) -> None:
    import psutil

    sweep_file(tmp_path, budget="300steps", widths="2, 3, 4")
    process = start(tmp_path, shared_home, "--jobs", "2")
    wait_for(lambda: running(tmp_path) == 2)
    time.sleep(1)
    if victim == "driver":
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        psutil.wait_procs(children, timeout=90)
        again = cli("sweep", "tiny.toml", "--format", "json")
        assert again.code == 0, again.err
    else:
        owner = next(t for t in study(tmp_path).trials if t.state.name == "RUNNING").user_attrs["genbench.worker"]
        os.kill(owner["pid"], signal.SIGKILL)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert "queued again" in said
    done = study(tmp_path).trials
    assert [(trial.number, trial.state.name) for trial in done] == [(k, "COMPLETE") for k in range(3)]
