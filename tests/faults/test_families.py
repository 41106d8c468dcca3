"""Families that go wrong: each ends in one line, a status in the store and an exit code; and the others go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genbench.watchdog import Watchdog
from tests.conftest import Answer, Cli
from tests.faults.conftest import install

RUN = ("run", "toy", "--preset", "smoke", "--pictures", "10", "--metrics", "accuracy", "--device", "cpu")


def refused(answer: Answer, code: int, *said: str) -> None:
    last = answer.err.splitlines()[-1]
    assert (answer.code, last.startswith("genbench: ")) == (code, True), answer.err
    assert all(words in last for words in said), last
    assert "Traceback" not in answer.err


def statuses(cli: Cli) -> list[str]:
    return sorted(run["status"] for run in json.loads(cli("ls", "runs", "--format", "json").out))


@pytest.mark.parametrize(
    ("fault", "code", "status", "said"),
    [
        ("raises", 1, "failed", "toy (seed 0): training failed: ZeroDivisionError: of a stranger's code"),
        ("memory", 1, "failed", "training failed: out of memory: lower train.batch_size"),
        ("memory of torch", 1, "failed", "training failed: out of memory: lower train.batch_size"),
        ("memory of a GPU", 1, "failed", "training failed: out of memory: lower train.batch_size"),
        ("nan", 1, "diverged", "loss is nan at step 4"),
        ("full disk", 1, "failed", "no space left on the device"),
        ("interrupted", 130, "interrupted", "the same command again goes on"),
        ("hangs", 1, "failed", "training made no progress for 2 s (GENBENCH_STALL_SECONDS)"),
    ],
)
def test_a_step_that_goes_wrong(
    cli: Cli, toy: None, monkeypatch: pytest.MonkeyPatch, fault: str, code: int, status: str, said: str
) -> None:
    monkeypatch.setenv("GENBENCH_TEST_FAULT", fault)
    if fault == "hangs":
        monkeypatch.setenv("GENBENCH_STALL_SECONDS", "2")
    refused(cli(*RUN), code, said)
    assert statuses(cli) == [status]
    if fault in ("raises", "interrupted"):
        monkeypatch.delenv("GENBENCH_TEST_FAULT")
        again = cli(*RUN)
        assert again.code == 0, again.err
        assert statuses(cli) == sorted([status, "finished"])


def test_sampling_that_hangs_keeps_the_training(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "FaultySampling")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GENBENCH_TEST_FAULT", "hangs")
    monkeypatch.setenv("GENBENCH_STALL_SECONDS", "2")
    refused(cli(*RUN), 1, "sampling made no progress")
    monkeypatch.delenv("GENBENCH_TEST_FAULT")
    again = cli(*RUN)
    assert again.code == 0, again.err
    assert "train: reused" in again.err


def test_a_slow_family_that_lives_is_left_alone() -> None:
    """A limit that a step keeps is kept by the whole, however long that is."""
    watchdog = Watchdog(0.4)
    with watchdog:
        watchdog.stage_started("train", 1.0, "budget")
        for _ in range(8):
            time.sleep(0.15)
            watchdog.stage_progress("train", 0.5)
        watchdog.stage_finished("train", reused=False)
        time.sleep(0.8)  # between stages nothing is watched


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_none_is_refused_before_anything_runs(
    cli: Cli, toy: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setenv("GENBENCH_STALL_SECONDS", text)
    refused(cli(*RUN), 2, f"GENBENCH_STALL_SECONDS={text}", "seconds above 0")
    assert not (tmp_path / "results" / "mlflow.db").exists()


@pytest.mark.slow
def test_a_hang_that_python_cannot_interrupt_ends_the_process(tmp_path: Path, shared_home: Path) -> None:
    install(tmp_path, "Faulty")
    faults = {"GENBENCH_TEST_FAULT": "hangs in C", "GENBENCH_STALL_SECONDS": "8"}
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "GENBENCH_HOME": str(shared_home), "PYTHONPATH": path, **faults}
    environment.pop("MLFLOW_TRACKING_URI", None)
    code = "import genbench.watchdog as w; w._GRACE_SECONDS = 0.5; from genbench.cli import main; main()"
    command = [sys.executable, "-c", code, *RUN]
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    refused(Answer(done.returncode, done.stdout, done.stderr), 1, "training made no progress for 8 s")
    from genbench.tracking import Store

    assert [run.status for run in Store(tmp_path / "results").runs()] == ["interrupted"]


def test_one_row_that_fails_leaves_the_others(cli: Cli, toy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBENCH_TEST_FAULT", "memory")
    small = ("--preset", "smoke", "--seeds", "1", "--pictures", "10", "--metrics", "accuracy", "--budget", "8steps")
    answer = cli("compare", "toy", "cgan", *small, "--format", "json")
    refused(answer, 1, "1 of 2 runs failed")
    assert {row["family"]: row["failed"] for row in json.loads(answer.out)["rows"] if row["family"]} == {
        "toy": 1,
        "cgan": 0,
    }


def test_a_full_disk_ends_the_comparison_at_once(cli: Cli, toy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBENCH_TEST_FAULT", "full disk")
    refused(cli("compare", "toy", "cgan", "--preset", "smoke", "--seeds", "1", "--pictures", "10"), 1, "no space left")
    assert statuses(cli) == ["failed"]
