"""Bad input: one clear line that names what is wrong, exit code 2, nothing written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Cli


def refused(answer: object, *expected: str) -> None:
    """The answer is one line on stderr with exit code 2 and says what is expected."""
    code, out, err = answer.code, answer.out, answer.err  # type: ignore[attr-defined]
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("genbench: ")]
    assert len(lines) == 1, err
    for text in expected:
        assert text in lines[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "dpm", "cgan"], ["unknown family 'dpm'", "'ddpm'"]),
        (["compare", "ddpm", "--preset", "quik"], ["unknown preset", "'quick'"]),
        (["compare", "ddpm:smok"], ["unknown preset", "'smoke'"]),
        (["compare", "ddpm", "--dataset", "digit"], ["unknown dataset 'digit'", "'digits'"]),
        (["compare", "ddpm", "dann"], ["different tasks", "ddpm does generation", "dann does adaptation"]),
        (["compare"], ["no family"]),
        (["compare", "ddpm", "--seeds", "0"], ["seeds"]),
        (["compare", "ddpm", "--seeds", "three"], ["seeds", "integer"]),
        (["compare", "ddpm", "--budget", "12 parsecs"], ["budget '12 parsecs'"]),
        (["compare", "ddpm", "--set", "train.learning=1"], ["unknown key 'learning'"]),
        (["compare", "ddpm", "--set", "lr=1"], ["--set 'lr=1'", "train.KEY=VALUE"]),
        (["compare", "ddpm", "--metrics", "fdi"], ["unknown metric 'fdi'", "'fid'"]),
        (["compare", "ddpm", "--name", "../up"], ["name"]),
        (["compare", "ddpm", "--device", "tpu"], ["device 'tpu'"]),
        (["compare", "ddpm", "--precision", "float8"], ["precision 'float8'"]),
        (["compare", "ddpm", "--resolution", "17"], ["17"]),
        (["compare", "ddpm", "--dataset", "iclevr", "--data-root", "nowhere"], ["nowhere"]),
        (["compare", "ddpm", "--dataset", "mnist", "--data-root", "nowhere"], ["nowhere"]),
        (["compare", "ddpm", "--inception-weights", "nowhere.pth"], ["nowhere.pth"]),
        (["compare", "--config", "nowhere.toml"], ["nowhere.toml"]),
        (["compare", "ddpm", "--config", "x.toml"], ["--config", "not both"]),
        (["compare", "ddpm", "--nonsense"], ["--nonsense"]),
        (["run", "dddpm"], ["unknown family or recipe 'dddpm'", "'ddpm'"]),
        (["run", "c-lrge"], ["unknown family or recipe 'c-lrge'", "did you mean 'c-large'"]),
        (["run", "smoke"], ["'smoke' is a preset of"]),
        (["run", "nowhere.toml"], ["nowhere.toml"]),
        (["sample", "beef"], ["no run 'beef'"]),
        (["evaluate", "nowhere"], ["nowhere"]),
        (["ls", "everything"], ["everything"]),
        (["check", "dpm"], ["unknown family 'dpm'"]),
        (["frobnicate"], ["frobnicate"]),
    ],
)
def test_command_lines(cli: Cli, arguments: list[str], expected: list[str]) -> None:
    refused(cli(*arguments), *expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("rows = = 1\n", ["not valid TOML", "line 1"]),
        ("seeds = 2\n", ["rows"]),
        ('seedz = 2\n[[rows]]\nfamily = "ddpm"\n', ["unknown key 'seedz'", "'seeds'"]),
        ('[[rows]]\nfamily = "ddpm"\n[rows.train]\nlearning_rat = 1\n', ["unknown key 'learning_rat'"]),
        ('[[rows]]\nfamily = "nope"\n', ["unknown family 'nope'"]),
        ('[[rows]]\nfamily = "ddpm"\n[rows.train]\nbatch_size = "many"\n', ["batch_size"]),
    ],
)
def test_comparison_files(cli: Cli, tmp_path: Path, content: str, expected: list[str]) -> None:
    (tmp_path / "table.toml").write_text(content)
    refused(cli("compare", "--config", "table.toml"), *expected)


def lab_folder(root: Path, labels: object) -> Path:
    """An i-CLEVR folder with these training labels and no pictures."""
    root.mkdir()
    (root / "objects.json").write_text(json.dumps({"gray cube": 0, "red cube": 1}))
    for name in ("test", "new_test"):
        (root / f"{name}.json").write_text(json.dumps([["red cube"]]))
    (root / "train.json").write_text(labels if isinstance(labels, str) else json.dumps(labels))
    return root


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ('{"a.png": ["red cube"', ["train.json", "line 1"]),
        ({"/etc/passwd": ["red cube"]}, ["/etc/passwd"]),
        ({"../../secret_000001_0.png": ["red cube"]}, ["../../secret_000001_0.png"]),
        ({"CLEVR_train_000001_0.png": ["red cube"]}, ["CLEVR_train_000001_0.png"]),
        ({}, ["train.json"]),
        ([1, 2], ["train.json"]),
    ],
)
def test_lab_folders(cli: Cli, tmp_path: Path, labels: object, expected: list[str]) -> None:
    root = lab_folder(tmp_path / "lab", labels)
    refused(cli("compare", "ddpm", "--dataset", "iclevr", "--data-root", root), *expected)


def test_a_label_outside_the_vocabulary(cli: Cli, tmp_path: Path) -> None:
    root = lab_folder(tmp_path / "lab", {"CLEVR_train_000001_0.png": ["rad cube"]})
    Image.new("RGB", (64, 64)).save(root / "CLEVR_train_000001_0.png")
    refused(cli("compare", "ddpm", "--dataset", "iclevr", "--data-root", root), "rad cube", "red cube")


def test_results_that_are_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    refused(cli("compare", "ddpm", "cgan", "--results", tmp_path / "taken"), "taken")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_results_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused(cli("compare", "ddpm", "cgan", "--results", locked), "locked")


def test_nothing_is_left_behind(cli: Cli, tmp_path: Path) -> None:
    cli("compare", "dpm")
    cli("compare", "ddpm", "--budget", "nonsense")
    assert not (tmp_path / "results" / "stages").exists()


def test_a_full_disk_is_one_line(cli: Cli) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    from genbench.errors import GenbenchError
    from genbench.files import clear_os_errors

    with pytest.raises(GenbenchError, match="no space left"), clear_os_errors(full):
        full.write_text("x" * 100_000)


def test_a_full_standard_output_is_one_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    for arguments in (["ls", "families"], ["ls", "families", "--format", "json"]):
        with Path("/dev/full").open("w") as full:
            command = [sys.executable, "-m", "genbench", *arguments]
            ended = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        assert ended.returncode == 1
        assert re.fullmatch(r"genbench: standard output: no space left on the device: .*\n", ended.stderr)
