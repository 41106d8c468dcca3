"""However many workers do a sweep, and whoever does which trial, the bits are the same."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweeping.test_sweep import sweep_file


def outcome(folder: Path) -> dict[str, str]:
    """What was trained, made and measured, by stage."""
    stages = folder / "results" / "stages"
    kept = [*stages.glob("train/*/weights*"), *stages.glob("train/*/history.csv"), *stages.glob("sample/*/*.npy")]
    found = {str(path.relative_to(stages)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}
    for done in stages.glob("evaluate/*/done.json"):
        found[str(done.relative_to(stages))] = json.dumps(json.loads(done.read_text())["record"]["values"])
    return found


@pytest.mark.slow
def test_one_worker_and_two_give_the_same_bits(tmp_path: Path, shared_home: Path) -> None:
    outcomes = []
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    for jobs in ("1", "2"):
        folder = tmp_path / jobs
        folder.mkdir()
        sweep_file(folder, budget="30steps", more="seeds = 2\n")
        command = [sys.executable, "-m", "genbench", "sweep", "tiny.toml", "--jobs", jobs, "--device", "cpu"]
        environment = {**kept, "GENBENCH_HOME": str(shared_home), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, cwd=folder, env=environment, capture_output=True, timeout=600)
        outcomes.append(outcome(folder))
    assert len(outcomes[0]) > 12
    assert outcomes[0] == outcomes[1]
