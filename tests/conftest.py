"""Fixtures: the command line in this process, with folders of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from genbench.cli import app
from genbench.commands.exits import guarded


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One GENBENCH_HOME for the whole session, so that data is decoded once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with MLflow's tables, which take seconds to make."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("empty")
    MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return (folder / "mlflow.db").read_bytes()


@pytest.fixture(autouse=True)
def room_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the machine does, no command says that it is crowded."""
    monkeypatch.setattr("genbench.running.crowding", lambda device: None)


@pytest.fixture
def quick_store(empty_store: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores in results folders begin with their tables made."""
    from genbench.tracking.places import Place

    here = Place.here

    def prepared(results: Path) -> Place:
        if not Place.file(results).exists() and results.is_dir():
            Place.file(results).write_bytes(empty_store)
        return here(results)

    monkeypatch.setattr(Place, "here", prepared)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared_home: Path) -> Cli:
    """Call genbench as from a shell, in an empty folder."""
    monkeypatch.setenv("GENBENCH_HOME", str(shared_home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Answer:
        capfd.readouterr()
        code = guarded(lambda: app([*map(str, arguments)], prog_name="genbench", standalone_mode=False))
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return call
