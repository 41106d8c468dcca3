"""Full and read-only disks: one line, an exit code, and what was finished is still there when there is room again."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.faults.test_families import RUN, refused, statuses


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of three megabytes, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a file system is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """The same folder under another name, where nothing can be written, not even by root."""
    seen = folder.with_name("read-only")
    seen.mkdir()
    if subprocess.run(["mount", "--bind", str(folder), str(seen)], check=False, capture_output=True).returncode:
        pytest.skip("mounting a file system is not permitted here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(seen)], check=True)
        yield seen
    finally:
        subprocess.run(["umount", "-l", str(seen)], check=True)


@contextlib.contextmanager
def nearly_full(folder: Path, left: int) -> Iterator[None]:
    """Within the block, so many bytes are left."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "ballast").write_bytes(b"\0" * max(0, free - left))
    try:
        yield
    finally:
        (folder / "ballast").unlink()


@pytest.mark.parametrize("left", [4_096, 60_000, 120_000])
def test_a_disk_that_fills_up(cli: Cli, toy: None, small_disk: Path, empty_store: bytes, left: int) -> None:
    """Wherever it is that the last byte is used up: in the database, a checkpoint, or what is made of it."""
    results = small_disk / "results"
    results.mkdir()
    (results / "mlflow.db").write_bytes(empty_store)
    with nearly_full(small_disk, left):
        refused(cli(*RUN, "--results", results), 1, "no space left on the device", "free some")
    again = cli(*RUN, "--results", results, "--format", "json")
    assert again.code == 0, again.err
    assert "damaged" not in again.err
    listed = json.loads(cli("ls", "runs", "--results", results, "--format", "json").out)
    assert [run["status"] for run in listed].count("finished") == 1
    assert not list((results / "stages").rglob(".*"))


def test_a_limit_on_the_size_of_files(cli: Cli, toy: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As `ulimit -f` sets it, in a process of its own."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from pathlib import Path; from genbench.errors import DiskFull; from genbench.files import write_text\n"
        "try: write_text(Path('big'), 'x' * 30_000)\n"
        "except DiskFull as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert "big: no space left on the device" in done.stdout
    assert list(tmp_path.glob("*big*")) == []


def test_results_that_cannot_be_written(cli: Cli, toy: None, tmp_path: Path) -> None:
    """Nothing runs; what is there can be looked at."""
    (tmp_path / "disk" / "results").mkdir(parents=True)
    assert cli(*RUN, "--results", tmp_path / "disk" / "results").code == 0
    with read_only(tmp_path / "disk") as seen:
        answer = cli(*RUN, "--seed", "1", "--results", seen / "results")
        refused(answer, 2, "cannot be written", "choose another folder")
        listed = cli("ls", "runs", "--results", seen / "results", "--format", "json")
        assert listed.code == 0, listed.err
        assert [run["status"] for run in json.loads(listed.out)] == ["finished"]
        refused(cli(*RUN, "--results", seen / "new"), 2, "cannot be written", "choose another folder")


def test_results_that_are_a_file(cli: Cli, toy: None, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    refused(cli(*RUN), 2, "results", "choose another folder")
    (tmp_path / "results").unlink()
    assert statuses(cli) == []
