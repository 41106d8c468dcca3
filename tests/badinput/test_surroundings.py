"""Surroundings that mean nothing to genbench, or are damaged: it works in them, or says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STRANGE = {
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "TERM": "dumb",
    "COLUMNS": "wide",
    "OMP_NUM_THREADS": "garbage",
    "MKL_NUM_THREADS": "-3",
    "CUDA_VISIBLE_DEVICES": "garbage",
    "MPLBACKEND": "garbage",
    "TMPDIR": "/nowhere",
    "PYTHONWARNINGS": "garbage",
}


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["ls", "presets"], 0, "\\u03bb"),  # λ, in a terminal without it
        (["evaluate", "no/where"], 2, "genbench: no/where: there is no such folder"),
        (["report"], 2, "genbench: no finished comparison under results"),
    ],
)
def test_strange_surroundings(tmp_path: Path, arguments: list[str], code: int, expected: str) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "genbench.cli", *arguments],
        cwd=tmp_path,
        env={**kept, **STRANGE, "GENBENCH_HOME": str(tmp_path / "home")},  # and no HOME
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert expected in done.stdout + done.stderr
