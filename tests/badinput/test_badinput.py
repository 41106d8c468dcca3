"""Every bad input ends in one line, which names what is wrong and the way out, and in the documented exit code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.badinput import (
    commandline,
    configurations,
    environments,
    labels,
    pictures,
    results,
    sources,
    sweeps,
    weights,
)
from tests.badinput.cases import Case, Content, changed
from tests.conftest import Cli

TABLES = (commandline, configurations, environments, labels, pictures, results, sources, sweeps, weights)
CASES = [case for table in TABLES for case in table.CASES]


def test_there_are_many_and_none_is_there_twice() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Path:
    """A folder with a finished comparison."""
    from genbench.cli import app
    from genbench.commands.exits import guarded

    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_HOME", str(shared_home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        assert guarded(lambda: app([*results.AGAIN, "--quiet"], prog_name="genbench", standalone_mode=False)) == 0
    return folder


@pytest.fixture(scope="session")
def other_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store without runs."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'other.db'}"


@contextmanager
def restored(folder: Path, backup: Path) -> Iterator[None]:
    """What is done to the folder within the block is undone after it; paths in stores are absolute."""
    shutil.copytree(folder, backup)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input(case: Case, cli: Cli, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path: Path = request.getfixturevalue("tmp_path")
    for name, value in case.variables.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value.replace("{folder}", str(tmp_path)))
    if case.finished:
        folder = request.getfixturevalue("finished")
        monkeypatch.chdir(folder)
        with restored(folder, tmp_path / "backup"):
            check(case, cli, folder)
    else:
        check(case, cli, tmp_path)


def seen(folder: Path) -> set[str]:
    """What is in a folder beside results and locks."""
    return {path.name for path in folder.iterdir() if path.name != "results" and path.suffix != ".lock"}


def check(case: Case, cli: Cli, folder: Path) -> None:
    case.prepare(folder)
    there = seen(folder)
    answer = cli(*case.arguments)
    assert answer.code == case.code, answer.err
    assert "Traceback" not in answer.err
    said = [line for line in answer.err.splitlines() if line.startswith("genbench: ")]
    assert len(said) == 1, answer.err
    assert case.names in said[0], said[0]
    assert case.advises in said[0], said[0]
    assert len(said[0]) < 2100
    if not case.finished and case.code == 2:
        assert seen(folder) == there  # nothing is left behind
        assert not (folder / "results" / "stages").exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("evaluate/*/done.json", changed(lambda c: c.update(record={}))),
        ("evaluate/*/done.json", changed(lambda c: {"files": c["files"], "record": c["record"] | {"values": "x"}})),
        ("evaluate/*/done.json", changed(lambda c: {"files": {}, "record": c["record"], "digest": None})),
        ("train/*/done.json", changed(lambda c: {"files": c["files"], "record": 5})),
    ],
)
def test_stages_that_were_edited_by_hand_are_computed_again(
    cli: Cli,
    finished: Path,
    other_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    content: Content,
) -> None:
    """Where no store knows the run, it is made of its stages again, whose files are not what they were."""
    monkeypatch.chdir(finished)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other_store)
    again = ["run", "cgan", "--preset", "smoke", *results.MEASURED]
    with restored(finished, tmp_path / "backup"):
        damage: dict[str, Content] = {f"results/stages/{file}": content, "results/mlflow.db": Path.unlink}
        Case(file, again, "", "", damage, finished=True).prepare(finished)
        answer = cli(*again)
    assert answer.code == 0, answer.err
    assert "done.json is damaged: computed again" in answer.err
