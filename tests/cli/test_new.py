"""What `genbench new` writes: whole, importable, in keeping with the contract, comparable at once."""

import json
import keyword
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from genbench import api
from genbench.errors import ConfigError
from genbench.scaffolding import PluginName
from tests.conftest import Cli

FILES = {
    "pyproject.toml",
    "README.md",
    "LICENSE",
    ".gitignore",
    "genbench_my_flow/__init__.py",
    "genbench_my_flow/family.py",
    "genbench_my_flow/learner.py",
    "genbench_my_flow/py.typed",
    "tests/test_contract.py",
    "tests/test_learner.py",
}


@pytest.mark.parametrize("task", ["generation", "adaptation"])
def test_a_whole_distribution_is_written(cli: Cli, tmp_path: Path, task: str) -> None:
    answer = cli("new", "family", "my-flow", "--task", task)
    assert (answer.code, answer.out.strip()) == (0, "genbench-my-flow")
    assert "genbench check my-flow" in answer.err
    made = tmp_path / "genbench-my-flow"
    assert {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()} == FILES
    project = tomllib.loads((made / "pyproject.toml").read_text())
    assert project["project"]["name"] == "genbench-my-flow"
    assert project["project"]["entry-points"]["genbench.families"] == {"my-flow": "genbench_my_flow:MyFlowFamily"}
    for path in made.rglob("*"):
        if path.is_file():
            assert "{" + "{" not in path.read_text()
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".genbench")] == []


@pytest.mark.parametrize("task", ["generation", "adaptation"])
def test_what_is_written_is_in_style(cli: Cli, tmp_path: Path, task: str) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    cli("new", "family", f"as-{'long' * 9}", "--task", task, "--out", "made")
    rules = ("--isolated", "--line-length", "120")
    subprocess.run([ruff, "check", *rules, "--select", "E,F,W,I,B,UP,SIM", "."], cwd=tmp_path / "made", check=True)
    subprocess.run([ruff, "format", "--check", *rules, "."], cwd=tmp_path / "made", check=True)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("My_Flow", "'my-flow'"),
        ("MyGAN2", "'my-gan-2'"),
        ("2fast", "lower-case letters"),
        ("-x", "'x'"),
        ("a--b", "'a-b'"),
        ("../x", "'x'"),
        ("", "such as my-flow"),
        ("naïve", "lower-case letters"),
        ("x" * 41, "longer than 40"),
        ("ddpm", "installed already"),
        ("class", "a keyword of Python: choose another name, such as 'class-model'"),
        ("none", "a keyword of Python"),
        ("json", "a module of Python's standard library"),
        ("torch", "an installed module"),
        ("genbench", "an installed module"),
    ],
)
def test_names_are_checked_before_anything_is_written(cli: Cli, tmp_path: Path, name: str, advice: str) -> None:
    answer = cli("new", "family", "--", name)
    assert answer.code == 2
    assert advice in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["family", "data", "a1-2b"])
def test_any_word_makes_names_that_python_accepts_and_nobody_has(word: str) -> None:
    plugin = PluginName(word)
    for name in (plugin.family, plugin.package):
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        assert not hasattr(api, name)


def test_a_name_ends_where_it_says() -> None:
    with pytest.raises(ConfigError):
        PluginName("name\n")


def test_nothing_that_exists_is_overwritten(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for existing in ("file", "folder", "link"):
        answer = cli("new", "family", "my-flow", "--out", existing)
        assert answer.code == 2
        assert "exists already" in answer.err
    assert (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "folder").iterdir()) == []
    blocked = cli("new", "family", "my-flow", "--out", "file/inside")
    assert (blocked.code, len(blocked.err.strip().splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("family", "key", "objective"),
    [
        ("ddpm", "train.learning_rate", "validation"),
        ("cgan", "train.learning_rate_g", "accuracy"),
        ("dann", "train.learning_rate", "unsupervised"),
    ],
)
def test_a_new_sweep_is_one_that_genbench_reads(
    cli: Cli, tmp_path: Path, family: str, key: str, objective: str
) -> None:
    from genbench.sweeping import files

    answer = cli("new", "sweep", "speed", "--family", family)
    assert (answer.code, answer.out.strip()) == (0, "sweeps/speed.toml")
    spec = files.read(tmp_path / "sweeps" / "speed.toml")
    assert (spec.name, spec.family, list(spec.space)) == ("speed", family, [key])
    assert [each.metric for each in spec.objectives] == [objective]
    text = (tmp_path / "sweeps" / "speed.toml").read_text()
    assert ("taken on the test split" in text) == (objective == "accuracy")  # nothing is chosen by it unsaid
    values = spec.space[key].values
    assert values is not None
    assert values[0] == pytest.approx(float(values[2]) / 4)
    again = cli("new", "sweep", "speed", "--family", family)
    assert (again.code, "exists already" in again.err) == (2, True)


def test_a_sweep_of_no_family_is_refused(cli: Cli, tmp_path: Path) -> None:
    answer = cli("new", "sweep", "speed", "--family", "ddpn")
    assert answer.code == 2
    assert "did you mean 'ddpm'" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("task", "rival"), [("generation", "ddpm"), ("adaptation", "source-only")])
def test_an_installed_family_keeps_the_contract_and_is_in_tables(
    cli: Cli, tmp_path: Path, shared_home: Path, task: str, rival: str
) -> None:
    cli("new", "family", "my-flow", "--task", task)
    site = tmp_path / "site"
    flags = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    pip = [sys.executable, "-m", "pip", "install", *flags, "--target", str(site), "./genbench-my-flow"]
    subprocess.run(pip, cwd=tmp_path, check=True)
    env = {**os.environ, "PYTHONPATH": str(site), "GENBENCH_HOME": str(shared_home)}

    def call(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    genbench = (sys.executable, "-m", "genbench.cli")
    results = {row["check"]: row["result"] for row in json.loads(call(*genbench, "check", "my-flow", "-f", "json"))}
    assert set(results.values()) == {"passed"}
    assert "learning" in results
    smoke = ("compare", "my-flow", rival, "--preset", "smoke", "--seeds", "1", "--format", "json", "--quiet")
    table = json.loads(call(*genbench, *smoke))
    assert [row["family"] for row in table["rows"] if row["family"]][:2] == ["my-flow", rival]
    assert all(row["failed"] == 0 for row in table["rows"])
    call(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "genbench-my-flow/tests")
