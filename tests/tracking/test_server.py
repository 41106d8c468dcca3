"""With a real MLflow server, which is not there yet, is killed in mid-run, and comes back."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

SMALL = ("--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server, ready to answer; killed in the end."""
    places = ("--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "files"))
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([*command, *places], stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 180
        while not _answers(port):
            assert time.monotonic() < until, (folder / "server.log").read_text()[-2000:]
            time.sleep(0.5)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@pytest.mark.slow
def test_runs_reach_a_server_that_was_away(tmp_path: Path, shared_home: Path) -> None:
    port = free_port()
    environment = {**os.environ, "GENBENCH_HOME": str(shared_home), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port}"

    def genbench(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "genbench", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes)  # type: ignore[call-overload]

    def done(process: subprocess.Popen[str], code: int = 0) -> str:
        out, said = process.communicate(timeout=400)
        assert process.returncode == code, said
        assert "Traceback" not in said
        return said if code else out + said

    def listed() -> list[str]:
        return [run["status"] for run in json.loads(genbench("ls", "runs", "--format", "json").communicate()[0])]

    assert "genbench sync" in done(genbench("run", "cgan", *SMALL))
    assert "cannot be reached" in done(genbench("sync"), code=1)
    with server(tmp_path, port) as process:
        assert "1 run delivered" in done(genbench("sync"))
        assert listed() == ["finished"]
        long = genbench("run", "cgan", *SMALL, "--budget", "25s")
        while "running" not in listed():
            assert long.poll() is None
        kill(process)
        assert "genbench sync" in done(long)
    with server(tmp_path, port):
        assert "1 run delivered" in done(genbench("sync"))
        assert listed() == ["finished", "finished"]
        assert "0 runs delivered" in done(genbench("sync"))
        assert "found in the store" in done(genbench("run", "cgan", *SMALL))
