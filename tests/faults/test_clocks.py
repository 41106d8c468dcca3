"""A clock that jumps: durations, limits and the living are told by other means."""

from __future__ import annotations

import itertools
import json
import os
import time

import psutil
import pytest

from genbench.processes import ProcessId
from tests.conftest import Cli
from tests.faults.test_families import RUN


def test_a_clock_that_jumps_changes_no_duration(cli: Cli, toy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock finds it a day further, or a day back."""
    honest, jumps = time.time, itertools.count()
    began = time.monotonic()
    with monkeypatch.context() as jumping:
        jumping.setattr(time, "time", lambda: honest() + 86_400 * (-1) ** next(jumps))
        answer = cli(*RUN, "--budget", "0.5s", "--format", "json")
    took = time.monotonic() - began
    assert answer.code == 0, answer.err
    assert next(jumps) > 10
    metrics = json.loads(answer.out)["metrics"]
    assert 0.5 <= metrics["train_s"]["value"] < took
    assert 0 < metrics["sample_s"]["value"] < took


def test_a_living_process_is_known_by_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    me = ProcessId()
    assert not me.known_dead
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 3600)
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + 3600, raising=False)
    assert not me.known_dead
    assert ProcessId() == me


def test_a_dead_process_is_told_from_its_successor() -> None:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    alive = ProcessId(pid=child, started=_started(child))
    assert not alive.known_dead
    assert ProcessId(pid=child, started=alive.started - 500).known_dead  # an earlier one with the same number
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert alive.known_dead
    assert not ProcessId(host="elsewhere", pid=child, started=0.0).known_dead


def _started(pid: int) -> float:
    from genbench.processes import _started as started

    return started(pid)
