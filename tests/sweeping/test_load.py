"""Many trivial trials by several workers at once: none lost, none done twice, no error shown, on either storage."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pgserver")
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "sweep_overhead.py"


@pytest.mark.parametrize(("trials", "workers"), [(40, 2), pytest.param(2000, 8, marks=pytest.mark.slow)])
def test_no_trial_is_lost_or_done_twice(trials: int, workers: int) -> None:
    command = [sys.executable, str(BENCHMARK), "--trials", str(trials), "--workers", str(workers)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=540)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    whole = rf"^(\w+) +(\d+) trials, {workers} workers.*lost 0, doubled 0, exit codes \[0\]$"
    found = re.findall(whole, ended.stdout, re.M)
    assert found == [("SQLite", str(trials // 4)), ("PostgreSQL", str(trials))]
    assert "locked" not in ended.stderr
    assert "Error" not in ended.stderr
