"""What terminals get: colour only where it is wanted, lines that fit, silence when asked for."""

import os
import pty
import re
import sys
from pathlib import Path

import pytest

from genbench.console import ProgressBars
from tests.conftest import Cli

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-9]|9[0-7])[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TALKS = """
import time
from genbench.console import ProgressBars
with ProgressBars(quiet={quiet}) as bars:
    bars.run_started(1, 4, "a family of some length · a data set of some length 64 · standard · seed 0")
    bars.stage_started("train", 100, "img")
    bars.stage_progress("train", 50, "1,234 img/s")
    time.sleep(0.5)  # lines are drawn ten times a second
    bars.warned("careful")
    bars.stage_finished("train", reused=False)
"""


def test_a_failed_run_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    bars = ProgressBars()
    bars.run_started(2, 4, "explodes · digits 16 · smoke · seed 0")
    bars.run_failed("explodes · digits 16 · smoke · seed 0", "loss is not finite [nan]")
    bars.run_failed("trial 7", "no memory")
    assert capsys.readouterr().err.splitlines() == [
        "[2/4] explodes · seed 0 failed: loss is not finite [nan]",
        "trial 7 failed: no memory",
    ]


def on_a_terminal(*, quiet: bool = False, **environment: str) -> str:
    """What the console says on a terminal of 80 columns."""
    pid, terminal = pty.fork()
    if pid == 0:
        env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
        env |= {"TERM": "xterm-256color", "COLUMNS": "80", **environment}
        os.execve(sys.executable, [sys.executable, "-c", TALKS.format(quiet=quiet)], env)
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # the other end has closed
        pass
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    return b"".join(parts).decode()


def test_colour_is_for_terminals_that_want_it() -> None:
    assert COLOUR.search(on_a_terminal())
    assert not COLOUR.search(on_a_terminal(NO_COLOR="1"))
    plain = on_a_terminal(TERM="dumb")
    assert "\x1b" not in plain
    assert "train:" in plain


def test_progress_fits_the_line() -> None:
    drawn = [CONTROL.sub("", line) for line in re.split(r"[\r\n]+", on_a_terminal())]
    bars = [line for line in drawn if "50%" in line]
    assert bars
    assert all(len(line) <= 80 for line in bars)
    assert "1,234 img/s" in bars[-1]


def test_quiet_leaves_warnings() -> None:
    said = CONTROL.sub("", on_a_terminal(quiet=True))
    assert said.split() == ["warning:", "careful"]


@pytest.mark.parametrize("what", ["families", "datasets", "metrics", "presets"])
def test_listings_fit_and_have_no_colour_when_piped(cli: Cli, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = cli("ls", what)
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_nothing_is_left_behind(cli: Cli, tmp_path: Path) -> None:
    cli("ls", "runs")
    assert list(tmp_path.iterdir()) == []
