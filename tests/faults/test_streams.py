"""Readers that go away, connections that break, a working directory that was deleted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = ("run", "cgan", "--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu")


def genbench(*arguments: str, before: str = "") -> list[str]:
    """The command in a process of its own, after some preparation there."""
    code = f"import os, sys\n{before}\nfrom genbench.__main__ import main\nmain()\n"
    return [sys.executable, "-c", code, *arguments]


def without_reader(stream: str, command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a command does when the reader of one of its streams has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    try:
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            command, cwd=folder, env=os.environ | variables, text=True, check=False, timeout=300, **pipes
        )
    finally:
        os.close(writing)


def test_a_run_goes_on_when_nobody_reads_stderr_any_more(tmp_path: Path, shared_home: Path) -> None:
    done = without_reader("stderr", genbench(*RUN), tmp_path, GENBENCH_HOME=str(shared_home))
    assert done.returncode == 0
    assert "accuracy" in done.stdout
    said = subprocess.run(
        genbench("ls", "runs", "--format", "csv"), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ",finished," in said.stdout


def test_an_error_has_its_exit_code_though_nobody_reads_it(tmp_path: Path) -> None:
    assert without_reader("stderr", genbench("report", "x"), tmp_path).returncode == 2


@pytest.mark.parametrize("arguments", [("--version",), ("ls", "runs"), ("ls", "runs", "--format", "csv")])
def test_a_reader_of_stdout_that_has_seen_enough_is_no_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = without_reader("stdout", genbench(*arguments), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["BrokenPipeError", "ConnectionResetError"])
def test_a_connection_that_breaks_is_an_error(tmp_path: Path, kind: str) -> None:
    """Though it is the same exception as that of a reader who has gone."""
    before = (
        "import genbench.commands.listing as listing\n"
        f"def broken(*_, **__): raise {kind}(32, 'Broken pipe')\n"
        "listing.list_things = broken"
    )
    command = genbench("ls", "metrics", before=before)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "connection" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("ls", "runs"), ("report",), RUN])
def test_a_working_directory_that_was_deleted(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    command = genbench(*arguments, before="os.rmdir(os.getcwd())")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("genbench: the working directory cannot be used")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_was_closed_from_the_start_is_one_that_nobody_reads(tmp_path: Path, stream: str) -> None:
    command = f"exec {{python}} -m genbench ls families {'>&-' if stream == 'stdout' else '2>&-'}"
    done = subprocess.run(
        command.format(python=sys.executable), shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("ddpm" in done.stdout) == (stream == "stderr")
