"""What the shell offers after Tab, as the completion script that typer installs asks for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from genbench.cli import app
from genbench.commands import completing
from tests.conftest import Cli

Offer = Callable[[str], list[str]]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Offer:
    """Completions of a command line's last word."""

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_GENBENCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        with pytest.raises((SystemExit, typer.Exit)):
            app(prog_name="genbench", standalone_mode=False)
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("genbench comp", {"compare"}),
        ("genbench compare d", {"ddpm", "ddim", "dann"}),
        ("genbench compare ddpm:", {"ddpm:smoke", "ddpm:quick"}),
        ("genbench compare cgan --preset ", {"smoke", "d2"}),
        ("genbench run cgan --preset ", {"smoke", "d2"}),
        ("genbench check dann --preset ", {"smoke", "e3"}),
        ("genbench check --preset ", {"smoke", "quick", "standard"}),
        ("genbench run ddpm --dataset m", {"mnist", "mnist-m"}),
        ("genbench compare dann --dataset mnist-m:u", {"mnist-m:usps"}),
        ("genbench run ddpm --metrics fid,k", {"fid,kid"}),
    ],
)
def test_names_are_offered(offered: Offer, line: str, among: set[str]) -> None:
    found = offered(line)
    assert among <= set(found)
    assert all(value.startswith(line.rpartition(" ")[2]) for value in found)


def test_a_metric_is_offered_once(offered: Offer) -> None:
    assert "fid,fid" not in offered("genbench run ddpm --metrics fid,f")


@pytest.mark.parametrize("line", ["genbench run nope --preset ", "genbench compare nope:", "genbench sample "])
def test_where_there_is_nothing_nothing_is_offered_and_made(
    offered: Offer, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert offered(line) == []
    assert list(tmp_path.iterdir()) == []


def test_runs_are_offered_by_id_with_their_names(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbench.tracking import Store

    log = Store(tmp_path / "results").begin(name="a run", tags={"genbench.kind": "run"}, params={})
    context = typer.Context(typer.main.get_command(app))
    assert completing.runs(context, "") == [(log.id[:8], "a run (running)")]
    assert completing.runs(context, log.id[:3])
    assert completing.runs(context, "no-such") == []


def test_the_script_for_a_shell_is_shown(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "genbench.cli", "--show-completion", "bash"]
    done = subprocess.run(
        command,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "_GENBENCH_COMPLETE=complete_bash" in done.stdout
