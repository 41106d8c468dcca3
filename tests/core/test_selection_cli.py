"""Selection on the command line and in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genbench.errors import ConfigError
from genbench.specs import ComparisonSpec, RowSpec, RunSpec, read_toml, validate
from genbench.workbench import spec_as_toml
from tests.conftest import Answer, Cli

SMALL = ("--seeds", "1", "--metrics", "accuracy", "--pictures", "20", "--format", "json", "--quiet")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`toy_family.Validating` under the name ``toy``."""
    folder = tmp_path / "toy_family-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[genbench.families]\ntoy = toy_family:Validating\n")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    monkeypatch.syspath_prepend(str(tmp_path))


def refused(answer: Answer, *expected: str) -> None:
    assert answer.code == 2, answer.err
    lines = [line for line in answer.err.splitlines() if line.startswith("genbench: ")]
    assert len(lines) == 1
    assert "Traceback" not in answer.err
    assert all(text in lines[0] for text in expected), lines[0]


def test_two_selections_of_a_family_train_once_and_give_two_rows(cli: Cli, toy: None, tmp_path: Path) -> None:
    answer = cli("compare", "toy:smoke", "toy:smoke@validation", *SMALL)
    assert answer.code == 0, answer.err
    rows = [row for row in json.loads(answer.out)["rows"] if row["family"]]
    assert [row["selection"] for row in rows] == ["final", "validation"]
    assert len({row["label"] for row in rows}) == 2
    assert rows[1]["label"].endswith("@validation")
    stages = tmp_path / "results" / "stages"
    assert [len(list((stages / name).glob("*/done.json"))) for name in ("train", "sample")] == [1, 2]
    both = {path.name for path in (tmp_path / "results" / "artifacts").rglob("weights*.safetensors")}
    assert both == {"weights.safetensors", "weights-validation.safetensors"}
    (spec,) = (path for path in tmp_path.rglob("spec.toml") if "validation" in path.read_text())
    again = json.loads(cli("run", spec, "--format", "json", "--quiet").out)
    assert again["selection"]["name"] == "validation"
    assert again["marks"] == []
    assert len(json.loads(cli("ls", "runs", "--format", "json").out)) == 2
    made = cli("sample", "toy@validation · digits 16 · smoke · seed 0", "--count", "1", "--out", "made", "--quiet")
    assert made.code == 0, made.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "ddpm@source"], ["'source' is not for generation", "final, validation, guide"]),
        (["compare", "dann@validation"], ["'validation' is not for adaptation", "source, unsupervised, oracle"]),
        (["compare", "ddpm@"], ["'ddpm@': nothing follows @", "ddpm@validation"]),
        (["compare", "ddpm@best"], ["selection", "'validation'", "got 'best'"]),
        (["compare", "ddpm", "--selection", "best"], ["--selection", "best"]),
        (["run", "ddpm@oracle"], ["'oracle' is not for generation"]),
        (["run", "ddpm", "--selection", "unsupervised"], ["'unsupervised' is not for generation"]),
        (["compare", "ddpm", "--data-root", "mine"], ["'digits' is built in", "--data-root", "mine"]),
        (["run", "dann", "--data-root", "mine"], ["'digits:digits-m' is built in", "--data-root"]),
        (["run", "dann", "--pictures", "20"], ["pictures", "not for adaptation"]),
        (["run", "dann", "--inception-weights", "x.pth"], ["inception_weights", "not for adaptation"]),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(cli: Cli, arguments: list[str], expected: list[str]) -> None:
    refused(cli(*arguments), *expected)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('label = ""', ["rows.0.label", "visible character"]),
        ('label = "  "', ["rows.0.label", "visible character"]),
        ('selection = "best"', ["rows.0.selection", "'validation'"]),
        ('selection = "oracle"', ["'oracle' is not for generation"]),
    ],
)
def test_rows_of_a_file_are_checked(cli: Cli, tmp_path: Path, row: str, expected: list[str]) -> None:
    (tmp_path / "table.toml").write_text(f'[[rows]]\nfamily = "ddpm"\n{row}\n')
    answer = cli("compare", "--config", "table.toml")
    refused(answer, *expected)
    assert "more)" not in answer.err


def test_an_option_overrides_every_row_of_a_file(tmp_path: Path) -> None:
    from genbench.commands.compare import with_selection

    spec = ComparisonSpec(rows=(RowSpec(family="a", selection="guide", train={"lr": 1.0}), RowSpec(family="b")))
    changed = with_selection(spec, "validation")
    assert [row.selection for row in changed.rows] == ["validation", "validation"]
    assert changed.rows[0].train == {"lr": 1.0}
    assert [row.title for row in spec.rows] == ["a@guide", "b"]


def test_an_argument_has_a_family_a_preset_and_a_selection() -> None:
    from genbench.commands.flags import split_row

    assert split_row("ddpm", None, None) == {"family": "ddpm", "preset": "quick", "selection": "final"}
    assert split_row("ddpm:e1@guide", "smoke", "final") == {"family": "ddpm", "preset": "e1", "selection": "guide"}
    assert split_row("ddpm", "smoke", "validation") == {
        "family": "ddpm",
        "preset": "smoke",
        "selection": "validation",
    }
    with pytest.raises(ConfigError, match="nothing follows @"):
        split_row("ddpm@", None, None)


def test_a_selection_survives_the_trip_through_toml(tmp_path: Path) -> None:
    spec = RunSpec(family="dann", selection="unsupervised")
    path = tmp_path / "run.toml"
    path.write_text(spec_as_toml(spec))
    assert validate(RunSpec, read_toml(path), "run.toml") == spec
