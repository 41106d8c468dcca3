"""The wheels, installed into an empty environment away from the checkout, do the main job."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = [ROOT, *sorted((ROOT / "models").iterdir())]


def call(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command; its output on stdout, or a failure that shows stderr."""
    env = {**os.environ, **environment}
    env.pop("PYTHONPATH", None)
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.slow
def test_wheels_compare_away_from_the_checkout(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    for project in PROJECTS:
        call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, project, cwd=tmp_path)
    built = sorted(wheels.glob("*.whl"))
    assert [path.name.split("-")[0] for path in built] == [
        "genbench",
        "genbench_cgan",
        "genbench_dann",
        "genbench_ddpm",
    ]
    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    call(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *built, cwd=tmp_path)
    away = tmp_path / "away"
    away.mkdir()
    location = call(python, "-c", "import genbench; print(genbench.__file__)", cwd=away).strip()
    assert Path(location).is_relative_to(environment)
    answer = call(
        environment / "bin" / "genbench",
        *("compare", "ddpm", "cgan", "--preset", "smoke", "--seeds", "1", "--format", "json", "--name", "away"),
        cwd=away,
        GENBENCH_HOME=str(tmp_path / "home"),
    )
    families = [row["family"] for row in json.loads(answer)["rows"]]
    assert families == ["ddpm", "cgan"]
    assert (away / "results" / "away" / "table.tex").is_file()
