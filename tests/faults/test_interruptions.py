"""Ctrl-C from the first import to the last file: exit code 130, no traceback, and the same command goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = ("run", "ddpm", "--preset", "smoke", "--pictures", "20", "--metrics", "accuracy", "--device", "cpu", "--quiet")


def environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return {**kept, "GENBENCH_HOME": str(home)}


@pytest.mark.parametrize("module", ["genbench.cli", "typer", "genbench.commands.run", "torch", "torch.nn", "mlflow"])
def test_while_it_imports(tmp_path: Path, shared_home: Path, module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            sys.meta_path.remove(self)\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from genbench.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *RUN],
        check=False,
        cwd=tmp_path,
        env=environment(shared_home),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.startswith("genbench: interrupted")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("where", ["typer", "genbench.commands.exits", "genbench.commands.listing"])
def test_in_an_exec_of_text(tmp_path: Path, where: str) -> None:
    """As in the making of a dataclass, where Python would end by the signal itself, whoever catches the exception."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {where!r}:\n"
        "            sys.meta_path.remove(self)\n"
        "            exec('os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(9)]')\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "genbench", "ls", "metrics"],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.startswith("genbench: interrupted")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--version",), ("ls", "nonsense")])
def test_at_the_interpreters_end_what_was_done_is_done(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code = (
        "import atexit, os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "from genbench.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == (2 if "nonsense" in arguments else 0), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_at_ten_moments_of_its_life(tmp_path: Path, shared_home: Path) -> None:
    chance, life = random.Random(0), 10.0
    codes = []
    for attempt in range(10):
        process = subprocess.Popen(
            [sys.executable, "-m", "genbench", *RUN, "--budget", "300steps", "--seed", str(attempt % 3)],
            cwd=tmp_path,
            env=environment(shared_home),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.3, life))
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
        code = process.returncode
        codes.append(code)
        assert code in (0, 130), said
        assert "Traceback" not in said
        assert code == 0 or "genbench: interrupted" in said
    assert codes.count(130) > 3
    for seed in "012":
        command = [sys.executable, "-m", "genbench", *RUN, "--budget", "300steps", "--seed", seed]
        subprocess.run(command, check=True, cwd=tmp_path, env=environment(shared_home), stdout=subprocess.DEVNULL)
