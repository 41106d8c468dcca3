"""The harness that kills and resumes, in small: see ``benchmarks/chaos.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[2] / "benchmarks" / "chaos.py"


@pytest.mark.slow
def test_what_is_killed_and_resumed_ends_as_what_was_not() -> None:
    command = [sys.executable, str(CHAOS), "--kills", "6", "--seed", "7"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [(row[0].strip("| "), row[1]) for row in rows] == [("training", "2"), ("comparison", "2"), ("sweep", "2")]
    assert all("every bit" in row for row in rows)
